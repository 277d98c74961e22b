//! Secrets with certificates, under either of the two sets of keys that Istio reads.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{mesh::snapshot::Secret, sidecar::config::routing::Credential};

/// The certificates of a Secret; one that has none is there all the same, for whoever names it.
pub fn secret(object: &Value) -> Secret {
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| entry(object, name));
    let of_metadata = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    Secret {
        credential: Credential {
            certificate: text(["tls.crt", "cert"]),
            key: text(["tls.key", "key"]),
            roots: text(["ca.crt", "cacert"]),
        },
        uid: of_metadata("uid"),
        version: of_metadata("resourceVersion"),
    }
}

/// The text under a key, as it is (`stringData`) or encoded (`data`); a text that is no text is none.
fn entry(object: &Value, name: &str) -> Option<String> {
    if let Some(text) = object["stringData"][name].as_str() {
        return Some(text.to_owned());
    }
    let bytes = STANDARD.decode(object["data"][name].as_str()?).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_sets_of_keys_are_read() {
        let of = |data: Value| secret(&json!({ "metadata": { "name": "edge" }, "data": data })).credential;
        let text = |text: &str| STANDARD.encode(text);
        let expected = Credential {
            certificate: Some("chain".to_owned()),
            key: Some("secret".to_owned()),
            roots: Some("roots".to_owned()),
        };
        let tls = json!({ "tls.crt": text("chain"), "tls.key": text("secret"), "ca.crt": text("roots") });
        assert_eq!(of(tls), expected);
        let generic = json!({ "cert": text("chain"), "key": text("secret"), "cacert": text("roots") });
        assert_eq!(of(generic), expected);
        assert_eq!(of(json!({ "tls.crt": "%", "tls.key": "" })), Credential::default());
        assert!(!format!("{expected:?}").contains("secret"));
    }
}
