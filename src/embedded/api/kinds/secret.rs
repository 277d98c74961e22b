//! Secrets.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::{FieldError, config_map, immutable, invalid, is_unset, remove, required};

/// A secret is opaque unless it says otherwise.
pub fn default(secret: &mut Value) {
    if is_unset(&secret["type"]) {
        secret["type"] = "Opaque".into();
    }
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

/// Complains about keys, and requires those of the secret's type.
pub fn validate(secret: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let none = Map::new();
    let data = secret["data"].as_object().unwrap_or(&none);
    for key in data.keys() {
        config_map::check_key(key, "data", &mut causes);
    }
    let kind = secret["type"].as_str().unwrap_or_default();
    if kind == "kubernetes.io/service-account-token" {
        const ACCOUNT: &str = "kubernetes.io/service-account.name";
        if is_unset(&secret["metadata"]["annotations"][ACCOUNT]) {
            causes.push(required(format!("metadata.annotations[{ACCOUNT}]"), ""));
        }
    }
    let (keys, all): (&[&str], bool) = match kind {
        "kubernetes.io/basic-auth" => (&["username", "password"], false),
        "kubernetes.io/dockercfg" => (&[".dockercfg"], true),
        "kubernetes.io/dockerconfigjson" => (&[".dockerconfigjson"], true),
        "kubernetes.io/ssh-auth" => (&["ssh-privatekey"], true),
        "kubernetes.io/tls" => (&["tls.crt", "tls.key"], true),
        _ => (&[], true),
    };
    if all || !keys.iter().any(|&key| data.contains_key(key)) {
        let missing = keys.iter().filter(|&&key| !data.contains_key(key));
        causes.extend(missing.map(|key| required(format!("data[{key}]"), "")));
    }
    if kind.starts_with("kubernetes.io/dockerc") {
        check_json(data, keys[0], &mut causes);
    }
    causes
}

/// Complains about a key whose value is no JSON.
fn check_json(data: &Map<String, Value>, key: &str, causes: &mut Vec<FieldError>) {
    let Some(text) = data.get(key).and_then(Value::as_str) else { return };
    let bytes = STANDARD.decode(text).unwrap_or_default();
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        let hidden = Value::from("<secret contents redacted>");
        causes.push(invalid(format!("data[{key}]"), &hidden, &error.to_string()));
    }
}

/// Fixes the type, and everything if the secret says it is immutable.
pub fn validate_update(secret: &Value, before: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    immutable(&secret["type"], &before["type"], "type", &mut causes);
    causes.extend(config_map::check_immutable(secret, before, &["data"]));
    causes.extend(validate(secret));
    causes
}
