//! Config maps.

use serde_json::{Map, Value};

use super::{FieldError, forbidden, invalid, remove};

/// Maps without entries are the same as none.
pub fn default(map: &mut Value) {
    for field in ["binaryData", "data"] {
        if map[field].as_object().is_none_or(Map::is_empty) {
            remove(map, field);
        }
    }
}

/// Complains about keys.
pub fn validate(map: &Value) -> Vec<FieldError> {
    let none = Map::new();
    let keys = |field: &str| map[field].as_object().unwrap_or(&none).keys();
    let mut causes = Vec::new();
    for key in keys("data") {
        check_key(key, "data", &mut causes);
        if map["binaryData"].get(key).is_some() {
            let detail = "duplicate of key present in binaryData";
            causes.push(invalid(format!("data[{key}]"), &Value::from(key.as_str()), detail));
        }
    }
    for key in keys("binaryData") {
        check_key(key, "binaryData", &mut causes);
    }
    causes
}

/// Complains about the key of a config map or secret.
pub(super) fn check_key(key: &str, field: &str, causes: &mut Vec<FieldError>) {
    const KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
        'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    let problem = match key {
        _ if key.is_empty() || !key.chars().all(fits) => KEY,
        "." => "must not be '.'",
        ".." => "must not be '..'",
        _ if key.starts_with("..") => "must not start with '..'",
        _ => return,
    };
    causes.push(invalid(format!("{field}[{key}]"), &Value::from(key), problem));
}

/// The same for a changed map, of which nothing may change once it says so.
pub fn validate_update(map: &Value, before: &Value) -> Vec<FieldError> {
    let mut causes = check_immutable(map, before, &["data", "binaryData"]);
    causes.extend(validate(map));
    causes
}

/// Complains about changes of what is immutable.
pub(super) fn check_immutable(object: &Value, before: &Value, fields: &[&str]) -> Vec<FieldError> {
    if before["immutable"] != true {
        return Vec::new();
    }
    let opened = (object["immutable"] != true).then_some("immutable");
    let changed = fields.iter().copied().filter(|&field| object[field] != before[field]);
    let detail = "field is immutable when `immutable` is set";
    opened.into_iter().chain(changed).map(|field| forbidden(field, detail)).collect()
}
