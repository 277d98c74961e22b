//! Whether a request fits a route: conditions compiled once, asked for each request.

use http::{HeaderMap, HeaderName, Method, Uri};
use regex::Regex;

use crate::sidecar::config::routing::{RequestMatch, TextMatch};

/// What routes look at.
pub(crate) struct Asked<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    pub headers: &'a HeaderMap,
    /// The host that the client names, with its port if it has one.
    pub authority: &'a str,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The port that was dialled.
    pub port: u16,
}

/// How a request fits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Fit {
    /// How much of the path was matched; what a rewrite replaces.
    pub matched: usize,
}

/// A [`RequestMatch`] made ready.
#[derive(Debug)]
pub(super) struct Matcher {
    uri: Option<Condition>,
    ignore_uri_case: bool,
    method: Option<Condition>,
    scheme: Option<Condition>,
    authority: Option<Condition>,
    headers: Vec<(HeaderName, Condition)>,
    without_headers: Vec<(HeaderName, Condition)>,
    query: Vec<(String, Condition)>,
    port: Option<u16>,
}

#[derive(Debug)]
enum Condition {
    Exact(String),
    /// A regular expression that is none.
    Never,
    Prefix(String),
    Present,
    Regex(Regex),
}

impl Matcher {
    /// Compiles; a header whose name no header can have is never there.
    pub fn new(wanted: &RequestMatch) -> Self {
        let headers = |wanted: &std::collections::BTreeMap<String, TextMatch>| {
            let named = wanted.iter().filter_map(|(name, text)| Some((name.parse().ok()?, Condition::new(text))));
            named.collect::<Vec<(HeaderName, Condition)>>()
        };
        let ignore_uri_case = wanted.ignore_uri_case;
        let uri = wanted.uri.as_ref().map(|text| match text {
            TextMatch::Exact(text) if ignore_uri_case => Condition::Exact(text.to_ascii_lowercase()),
            TextMatch::Prefix(text) if ignore_uri_case => Condition::Prefix(text.to_ascii_lowercase()),
            text => Condition::new(text),
        });
        Self {
            uri,
            ignore_uri_case,
            method: wanted.method.as_ref().map(Condition::new),
            scheme: wanted.scheme.as_ref().map(Condition::new),
            authority: wanted.authority.as_ref().map(Condition::new),
            headers: headers(&wanted.headers),
            without_headers: headers(&wanted.without_headers),
            query: wanted.query.iter().map(|(name, text)| (name.clone(), Condition::new(text))).collect(),
            port: wanted.port,
        }
    }

    /// Whether a request fits, and how.
    pub fn fits(&self, asked: &Asked<'_>) -> Option<Fit> {
        let holds = |condition: &Option<Condition>, text: &str| condition.as_ref().is_none_or(|it| it.holds(text));
        let plain = self.port.is_none_or(|port| port == asked.port)
            && holds(&self.method, asked.method.as_str())
            && holds(&self.scheme, asked.scheme)
            && holds(&self.authority, asked.authority)
            && self.headers.iter().all(|(name, wanted)| has(asked.headers, name, wanted))
            && !self.without_headers.iter().any(|(name, wanted)| has(asked.headers, name, wanted))
            && self.query.iter().all(|(name, wanted)| asks(asked.uri.query(), name, wanted));
        if !plain {
            return None;
        }
        let path = asked.uri.path();
        let lowered = self.ignore_uri_case.then(|| path.to_ascii_lowercase());
        match &self.uri {
            None => Some(Fit { matched: 1.min(path.len()) }),
            Some(uri) if !uri.holds(lowered.as_deref().unwrap_or(path)) => None,
            Some(Condition::Prefix(prefix)) => Some(Fit { matched: prefix.len() }),
            Some(_) => Some(Fit { matched: path.len() }),
        }
    }
}

/// Whether a header is there like this; several of one name count as one with commas.
fn has(headers: &HeaderMap, name: &HeaderName, wanted: &Condition) -> bool {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let Some(first) = values.next() else { return false };
    match values.next() {
        None => wanted.holds(first),
        Some(second) => {
            let all: Vec<&str> = [first, second].into_iter().chain(values).collect();
            wanted.holds(&all.join(","))
        }
    }
}

fn asks(query: Option<&str>, name: &str, wanted: &Condition) -> bool {
    let mut pairs = query.unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(key, _)| *key == name).is_some_and(|(_, value)| wanted.holds(value))
}

impl Condition {
    fn new(wanted: &TextMatch) -> Self {
        match wanted {
            TextMatch::Exact(text) => Self::Exact(text.clone()),
            TextMatch::Prefix(text) => Self::Prefix(text.clone()),
            TextMatch::Present => Self::Present,
            TextMatch::Regex(text) => Regex::new(&format!("^(?:{text})$")).map_or(Self::Never, Self::Regex),
        }
    }

    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => text == wanted,
            Self::Never => false,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Present => true,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn fit(wanted: serde_json::Value, uri: &str, headers: &[(&str, &str)]) -> Option<usize> {
        let wanted: RequestMatch = serde_json::from_value(wanted).unwrap();
        let builder = headers.iter().fold(Request::get(uri), |builder, (name, value)| builder.header(*name, *value));
        let request = builder.body(()).unwrap();
        let (method, headers) = (request.method(), request.headers());
        let asked = Asked { method, uri: request.uri(), headers, authority: "shop:80", scheme: "http", port: 80 };
        Matcher::new(&wanted).fits(&asked).map(|fit| fit.matched)
    }

    #[test]
    fn every_condition_counts() {
        use serde_json::json;
        let uri = |kind: &str, text: &str| json!({ "uri": { kind: text } });
        let table = [
            (json!({}), "/a", Some(1)),
            (uri("prefix", "/a"), "/ab?c=d", Some(2)),
            (uri("prefix", "/A"), "/ab", None),
            (json!({ "uri": { "prefix": "/A" }, "ignoreUriCase": true }), "/ab", Some(2)),
            (uri("exact", "/ab"), "/ab?c=d", Some(3)),
            (uri("exact", "/a"), "/ab", None),
            (uri("regex", "/a.*"), "/abc", Some(4)),
            (uri("regex", "/a"), "/abc", None),
            (uri("regex", "("), "/abc", None),
            (json!({ "method": { "exact": "POST" } }), "/", None),
            (json!({ "scheme": { "exact": "http" }, "port": 80 }), "/", Some(1)),
            (json!({ "port": 443 }), "/", None),
            (json!({ "authority": { "prefix": "shop" } }), "/", Some(1)),
            (json!({ "headers": { "who": { "exact": "jason" } } }), "/", Some(1)),
            (json!({ "headers": { "who": { "exact": "eve" } } }), "/", None),
            (json!({ "headers": { "who": "present", "twice": { "exact": "1,2" } } }), "/", Some(1)),
            (json!({ "headers": { "nobody": "present" } }), "/", None),
            (json!({ "withoutHeaders": { "who": "present" } }), "/", None),
            (json!({ "withoutHeaders": { "who": { "exact": "eve" } } }), "/", Some(1)),
            (json!({ "query": { "c": { "exact": "d" } } }), "/?a=b&c=d", Some(1)),
            (json!({ "query": { "c": { "exact": "d" } } }), "/?a=b", None),
        ];
        for (wanted, uri, expected) in table {
            let headers = [("who", "jason"), ("twice", "1"), ("twice", "2")];
            assert_eq!(fit(wanted.clone(), uri, &headers), expected, "{wanted} {uri}");
        }
    }
}
