//! Secrets with certificates, under either of the two sets of keys that Istio reads.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{mesh::snapshot::Secret, sidecar::config::routing::Credential};

/// The certificates of a Secret; nothing if it has none.
pub(super) fn secret(object: &Value) -> Option<Secret> {
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| entry(object, name));
    let credential = Credential {
        certificate: text(["tls.crt", "cert"]),
        key: text(["tls.key", "key"]),
        roots: text(["ca.crt", "cacert"]),
    };
    let of_metadata = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (credential != Credential::default()).then(|| Secret {
        credential,
        uid: of_metadata("uid"),
        version: of_metadata("resourceVersion"),
    })
}

/// The text under a key, as it is (`stringData`) or encoded (`data`); a text that is no text is none.
fn entry(object: &Value, name: &str) -> Option<String> {
    if let Some(text) = object["stringData"][name].as_str() {
        return Some(text.to_owned());
    }
    let bytes = STANDARD.decode(object["data"][name].as_str()?).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}
