//! Answers that show the request.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, Version, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::{super::server::Peer, answers};

/// The largest body that is shown back; a larger one gets 413.
const MAX_BODY: usize = 1024 * 1024;

/// `/headers`.
pub(super) async fn headers(request: Request) -> Json<Value> {
    let (parts, _) = request.into_parts();
    Json(json!({ "headers": shown_headers(&parts) }))
}

/// `/ip`.
pub(super) async fn ip(request: Request) -> Json<Value> {
    let (parts, _) = request.into_parts();
    Json(json!({ "origin": origin(&parts) }))
}

/// `/user-agent`.
pub(super) async fn user_agent(headers: HeaderMap) -> Json<Value> {
    Json(json!({ "user-agent": text(headers.get(header::USER_AGENT)) }))
}

/// `/get`.
pub(super) async fn get(request: Request) -> Json<Value> {
    let (parts, _) = request.into_parts();
    Json(Value::Object(described(&parts)))
}

/// `/anything`, `/post`, `/put`, `/patch`, `/delete`: the request with its body.
pub(super) async fn anything(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match with_body(&parts, body).await {
        Ok(description) => Json(description).into_response(),
        Err(refusal) => refusal,
    }
}

async fn with_body(parts: &Parts, body: Body) -> Result<Value, Response> {
    let too_large = || answers::error(StatusCode::PAYLOAD_TOO_LARGE, &format!("a body may have {MAX_BODY} bytes"));
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| too_large())?;
    let content_type = text(parts.headers.get(header::CONTENT_TYPE));
    let mut description = described(parts);
    let form = if content_type.starts_with("application/x-www-form-urlencoded") {
        query(&String::from_utf8_lossy(&body))
    } else {
        json!({})
    };
    let parsed = if content_type.contains("json") { serde_json::from_slice(&body).ok() } else { None };
    let data = match String::from_utf8(body.to_vec()) {
        Ok(text) => text,
        Err(_) => format!("data:application/octet-stream;base64,{}", BASE64_STANDARD.encode(&body)),
    };
    description.insert("data".to_owned(), Value::from(data));
    description.insert("files".to_owned(), json!({}));
    description.insert("form".to_owned(), form);
    description.insert("json".to_owned(), parsed.unwrap_or(Value::Null));
    Ok(Value::Object(description))
}

/// What every description of a request has.
pub(super) fn described(parts: &Parts) -> Map<String, Value> {
    let mut description = Map::new();
    description.insert("args".to_owned(), query(parts.uri.query().unwrap_or_default()));
    description.insert("headers".to_owned(), shown_headers(parts));
    description.insert("method".to_owned(), Value::from(parts.method.as_str()));
    description.insert("origin".to_owned(), Value::from(origin(parts)));
    description.insert("url".to_owned(), Value::from(url(parts)));
    description
}

/// Header names as they are usually written, each with the list of its values; `Host` is one of them.
fn shown_headers(parts: &Parts) -> Value {
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    shown.insert("Host".to_owned(), vec![host(parts)]);
    for (name, value) in parts.headers.iter().filter(|(name, _)| *name != header::HOST) {
        shown.entry(canonical(name.as_str())).or_default().push(text(Some(value)));
    }
    json!(shown)
}

/// `x-request-id` becomes `X-Request-Id`.
fn canonical(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    });
    words.collect::<Vec<_>>().join("-")
}

fn host(parts: &Parts) -> String {
    match (parts.version, parts.uri.authority()) {
        (Version::HTTP_2, Some(authority)) => authority.to_string(),
        _ => text(parts.headers.get(header::HOST)),
    }
}

fn url(parts: &Parts) -> String {
    let scheme = match text(parts.headers.get("x-forwarded-proto")) {
        scheme if scheme.is_empty() => "http".to_owned(),
        scheme => scheme,
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    format!("{scheme}://{}{path}", host(parts))
}

/// Who asks: what a proxy says, else the peer of the connection.
fn origin(parts: &Parts) -> String {
    let forwarded = text(parts.headers.get("x-forwarded-for"));
    if !forwarded.is_empty() {
        return forwarded;
    }
    parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_string()).unwrap_or_default()
}

fn text(value: Option<&axum::http::HeaderValue>) -> String {
    value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// A query or a form: each name with the list of its values.
fn query(text: &str) -> Value {
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs(text) {
        shown.entry(name).or_default().push(value);
    }
    json!(shown)
}

/// The pairs of a query, decoded.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        bytes.push(match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high * 16 + low
                }
                _ => b'%',
            },
            (other, _) => *other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
