//! Who the server's application was told is calling: the X-Forwarded-Client-Cert header, as httpbin echoes it.

use serde_json::Value;

use crate::mesh::identity::SpiffeId;

/// The header's name.
const NAME: &str = "x-forwarded-client-cert";

/// What an answer that echoes the request's headers says about its caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Echo {
    /// The application received this identity.
    Identified(SpiffeId),
    /// The answer does not echo headers.
    None,
    /// The application received no client certificate.
    Unidentified,
}

/// Reads `{"headers": {...}}`; a header's value is a text, or a list of texts as newer httpbins have it.
pub fn echo(body: &str) -> Echo {
    let Ok(body) = serde_json::from_str::<Value>(body) else { return Echo::None };
    let Some(headers) = body.get("headers").and_then(Value::as_object) else { return Echo::None };
    let value = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(NAME)).map(|(_, value)| value);
    let value = match value {
        Some(Value::Array(values)) => values.last().and_then(Value::as_str),
        Some(value) => value.as_str(),
        None => None,
    };
    value.and_then(caller).map_or(Echo::Unidentified, Echo::Identified)
}

/// The `URI` of the last element: the one that the server's own sidecar appended.
///
/// Elements are separated by commas and pairs by semicolons, outside double quotes.
fn caller(header: &str) -> Option<SpiffeId> {
    let last = split(header, ',').pop()?;
    let uri = split(last, ';').into_iter().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case("URI").then(|| value.trim().trim_matches('"'))
    })?;
    uri.parse().ok()
}

fn split(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |character: char| {
        let within = quoted;
        if character == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = character == '\\' && !escaped;
        character == separator && !within
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identified(namespace: &str) -> Echo {
        Echo::Identified(SpiffeId::new("cluster.local", namespace, "sleep"))
    }

    fn body(value: &Value) -> String {
        serde_json::json!({"headers": {"X-Forwarded-Client-Cert": value}}).to_string()
    }

    #[test]
    fn the_last_element_counts() {
        let old = "By=a;Subject=\"CN=x, O=\\\"y\\\";z\";URI=spiffe://cluster.local/ns/bar/sa/sleep";
        let own = "By=b;Hash=00;Subject=\"\";URI=spiffe://cluster.local/ns/foo/sa/sleep";
        assert_eq!(echo(&body(&Value::from(own))), identified("foo"));
        assert_eq!(echo(&body(&Value::from(format!("{old},{own}")))), identified("foo"));
        assert_eq!(echo(&body(&Value::from(vec![old]))), identified("bar"));
    }

    #[test]
    fn a_page_says_nothing_and_headers_without_it_say_plaintext() {
        assert_eq!(echo("<html>"), Echo::None);
        assert_eq!(echo("{\"url\": \"x\"}"), Echo::None);
        assert_eq!(echo("{\"headers\": {\"Host\": \"x\"}}"), Echo::Unidentified);
        assert_eq!(echo(&body(&Value::from("By=a;Hash=00"))), Echo::Unidentified);
    }
}
