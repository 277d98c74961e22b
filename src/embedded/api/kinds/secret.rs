//! Secrets.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{FieldError, forbidden, immutable, remove, required, set_default};

/// A secret is opaque unless it says otherwise.
pub fn default(secret: &mut Value) {
    set_default(secret, "type", "Opaque");
    encode_string_data(secret);
}

/// Nothing in a secret is the server's.
pub fn prepare_create(_secret: &mut Value) {}

/// Moves `stringData`, which is for writing only, into `data`.
fn encode_string_data(secret: &mut Value) {
    let Some(Value::Object(texts)) = secret.get_mut("stringData").map(Value::take) else {
        return remove(secret, "stringData");
    };
    remove(secret, "stringData");
    for (key, text) in texts {
        secret["data"][key] = STANDARD.encode(text.as_str().unwrap_or_default()).into();
    }
}

/// Requires the keys of the secret's type.
pub fn validate(secret: &Value) -> Vec<FieldError> {
    let keys: &[&str] = match secret["type"].as_str() {
        Some("kubernetes.io/tls") => &["tls.crt", "tls.key"],
        Some("kubernetes.io/dockerconfigjson") => &[".dockerconfigjson"],
        _ => &[],
    };
    let empty = Map::new();
    let data = secret["data"].as_object().unwrap_or(&empty);
    keys.iter().filter(|&&key| !data.contains_key(key)).map(|key| required(format!("data[{key}]"), "")).collect()
}

/// Fixes the type, and everything if the secret says it is immutable.
pub fn validate_update(secret: &Value, before: &Value) -> Vec<FieldError> {
    let mut causes = validate(secret);
    immutable(&secret["type"], &before["type"], "type", &mut causes);
    if before["immutable"] == true && secret["data"] != before["data"] {
        causes.push(forbidden("data", "field is immutable when `immutable` is set"));
    }
    causes
}
