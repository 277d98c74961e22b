//! Answers that do not depend on much.

use axum::{
    Json,
    extract::{Path, RawQuery},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::echo::pairs;

const INDEX: &str = "httpbin of labctl. Ask: /anything /base64/TEXT /basic-auth/USER/PASSWORD /bearer /bytes/N /delay/N /delete \
    /drip /get /headers /html /ip /json /patch /post /put /redirect/N /redirect-to?url=URL /response-headers?NAME=VALUE \
    /status/CODE /stream/N /stream-bytes/N /user-agent /uuid /websocket/echo\n";

/// An error in the shape that go-httpbin gives it.
pub(super) fn error(status: StatusCode, detail: &str) -> Response {
    let mut body = json!({ "status_code": status.as_u16(), "error": status.canonical_reason().unwrap_or_default() });
    if !detail.is_empty() {
        body["detail"] = Value::from(detail);
    }
    (status, Json(body)).into_response()
}

/// Any other path.
pub(super) async fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "")
}

/// A known path with another method.
pub(super) async fn method_not_allowed() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "")
}

/// `/`.
pub(super) async fn index() -> &'static str {
    INDEX
}

/// `/status/CODE`.
pub(super) async fn status(Path(code): Path<String>) -> Response {
    let code = code.parse::<u16>().ok().filter(|code| (200..600).contains(code));
    let Some(status) = code.and_then(|code| StatusCode::from_u16(code).ok()) else {
        return error(StatusCode::BAD_REQUEST, "a status is a number from 200 to 599");
    };
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER | StatusCode::TEMPORARY_REDIRECT => {
            (status, [(header::LOCATION, "/redirect/1")]).into_response()
        }
        StatusCode::UNAUTHORIZED => challenge(),
        status => status.into_response(),
    }
}

fn challenge() -> Response {
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"Fake Realm\"")]).into_response()
}

/// `/redirect/N`: N redirects, then `/get`.
pub(super) async fn redirect(Path(count): Path<String>) -> Response {
    match count.parse::<u16>() {
        Ok(0) | Err(_) => error(StatusCode::BAD_REQUEST, "a count is a number from 1"),
        Ok(1) => found("/get"),
        Ok(count) => found(&format!("/relative-redirect/{}", count - 1)),
    }
}

/// `/redirect-to?url=URL&status_code=CODE`.
pub(super) async fn redirect_to(RawQuery(query): RawQuery) -> Response {
    let query: Vec<(String, String)> = pairs(&query.unwrap_or_default()).collect();
    let value = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let Some(url) = value("url") else { return error(StatusCode::BAD_REQUEST, "missing URL") };
    let mut response = found(url);
    if let Some(status) = value("status_code").and_then(|code| StatusCode::from_bytes(code.as_bytes()).ok()) {
        *response.status_mut() = status;
    }
    response
}

fn found(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => error(StatusCode::BAD_REQUEST, "this cannot be a location"),
    }
}

/// `/response-headers?NAME=VALUE`.
pub(super) async fn response_headers(RawQuery(query): RawQuery) -> Response {
    let query: Vec<(String, String)> = pairs(&query.unwrap_or_default()).collect();
    let mut headers = HeaderMap::new();
    for (name, value) in &query {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) else {
            return error(StatusCode::BAD_REQUEST, "this cannot be a header");
        };
        headers.append(name, value);
    }
    let mut shown = json!({});
    for (name, value) in query {
        match &mut shown[&name] {
            Value::Array(values) => values.push(Value::from(value)),
            place => *place = json!([value]),
        }
    }
    (headers, Json(shown)).into_response()
}

/// `/basic-auth/USER/PASSWORD`.
pub(super) async fn basic_auth(Path((user, password)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
    let is_authorized = headers.get(header::AUTHORIZATION).is_some_and(|given| given.as_bytes() == expected.as_bytes());
    let body = Json(json!({ "authenticated": is_authorized, "authorized": is_authorized, "user": user }));
    if is_authorized { body.into_response() } else { (challenge().into_parts().0, body).into_response() }
}

/// `/bearer`.
pub(super) async fn bearer(headers: HeaderMap) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match given.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(token) => Json(json!({ "authenticated": true, "token": token })).into_response(),
        None => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response(),
    }
}

/// `/base64/TEXT`.
pub(super) async fn base64(Path(text): Path<String>) -> Response {
    match BASE64_STANDARD.decode(text) {
        Ok(bytes) => bytes.into_response(),
        Err(problem) => error(StatusCode::BAD_REQUEST, &format!("this is no base64 text: {problem}")),
    }
}

/// `/uuid`.
pub(super) async fn uuid() -> Json<Value> {
    Json(json!({ "uuid": uuid::Uuid::new_v4().to_string() }))
}

/// `/html`.
pub(super) async fn html() -> Html<&'static str> {
    Html(
        "<!DOCTYPE html>\n<html>\n  <head><title>A page</title></head>\n  <body>\n    <h1>A page</h1>\n    \
         <p>It is here to be fetched.</p>\n  </body>\n</html>\n",
    )
}

/// `/json`.
pub(super) async fn json() -> Json<Value> {
    Json(json!({
        "slideshow": {
            "author": "labctl",
            "title": "Sample Slide Show",
            "slides": [{ "type": "all", "title": "Who can reach whom" }, { "type": "all", "title": "And why" }],
        },
    }))
}
