//! Bodies in and out: which formats are spoken, and how an object is written.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::{protobuf, status::Status};

/// Anything that can go wrong with a body on its way.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The largest request body that is read, as in a real API server.
const LIMIT: usize = 3 * 1024 * 1024;

/// What the server speaks, in the words of its refusals.
const SPOKEN: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// An object as one served version shows it: with that version's `apiVersion`, or without any type where lists
/// leave it out.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The object as it is stored.
    pub object: &'a Value,
    /// `apiVersion` and `kind`.
    pub types: Option<(&'a str, &'a str)>,
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(fields) = self.object.as_object() else { return self.object.serialize(serializer) };
        let mut map = serializer.serialize_map(None)?;
        if let Some((api_version, kind)) = self.types {
            map.serialize_entry("kind", kind)?;
            map.serialize_entry("apiVersion", api_version)?;
        }
        for (key, value) in fields.iter().filter(|(key, _)| *key != "apiVersion" && *key != "kind") {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// An answer of JSON.
pub fn json(code: StatusCode, value: &impl Serialize) -> Response<Body> {
    let bytes = serde_json::to_vec(value).expect("JSON values can be written as JSON");
    bytes_of("application/json", code, bytes)
}

/// An answer of text.
pub fn text(code: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    bytes_of("text/plain; charset=utf-8", code, text)
}

/// An answer without a body.
pub fn nothing() -> Response<Body> {
    let mut response = Response::new(Full::default().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The answer to a path of a group that nobody knows, which is no refusal of Kubernetes' own.
pub fn page_not_found() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn bytes_of(media_type: &'static str, code: StatusCode, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// An answer of JSON, written as YAML. Any other answer stays as it is.
pub async fn as_yaml(response: Response<Body>) -> Response<Body> {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/json");
    if !is_json {
        return response;
    }
    let (parts, body) = response.into_parts();
    let read = body.collect().await.ok().map(http_body_util::Collected::to_bytes);
    let value: Option<Value> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let text = value.and_then(|value| serde_yaml::to_string(&value).ok());
    // Bodies of JSON are made here and in one piece, so they can be read again.
    let text = text.expect("what was written as JSON can be written as YAML");
    let mut response = bytes_of("application/yaml", parts.status, text);
    if let Some(warnings) = parts.headers.get(header::WARNING) {
        response.headers_mut().insert(header::WARNING, warnings.clone());
    }
    response
}

/// An answer that goes on.
pub fn stream(
    media_type: &'static str,
    chunks: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
) -> Response<Body> {
    let mut response = Response::new(StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// A refusal.
pub fn refusal(status: &Status) -> Response<Body> {
    json(status.code, &status.body())
}

/// Adds a warning that clients show to people.
pub fn warn(headers: &mut HeaderMap, warning: &str) {
    let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
    if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
        headers.append(header::WARNING, value);
    }
}

/// Adds a warning unless it is there.
pub fn warn_once(headers: &mut HeaderMap, warning: &str) {
    let before: Vec<HeaderValue> = headers.get_all(header::WARNING).iter().cloned().collect();
    warn(headers, warning);
    let is_known = headers.get_all(header::WARNING).iter().next_back().is_some_and(|last| before.contains(last));
    if is_known {
        headers.remove(header::WARNING);
        for value in before {
            headers.append(header::WARNING, value);
        }
    }
}

/// Reads a whole request body.
///
/// # Errors
/// If it is too large or breaks off.
pub async fn read<B>(body: B) -> Result<Bytes, Status>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let limited = http_body_util::Limited::new(body, LIMIT);
    limited.collect().await.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            let message = format!("Request entity too large: limit is {LIMIT}");
            Status::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
        } else {
            Status::bad_request(error.to_string())
        }
    })
}

/// The media type of a request, without parameters.
pub fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// Reads an object in whichever format the request says it is in.
///
/// # Errors
/// If the format is unknown or the text does not fit it.
pub fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Status> {
    match media_type(headers) {
        "" | "application/json" | "*/*" => {
            serde_json::from_slice(bytes).map_err(|error| Status::bad_request(error.to_string()))
        }
        "application/yaml" => parse_yaml(bytes),
        protobuf::MEDIA_TYPE => protobuf::parse(bytes).map_err(|error| Status::bad_request(error.to_string())),
        _ => Err(Status::unsupported_media_type(SPOKEN)),
    }
}

/// Reads an object that only one kind of may stand here; `package` is where Kubernetes itself keeps the kind.
///
/// # Errors
/// If it cannot be read, or says that it is something else.
pub fn parse_kind(headers: &HeaderMap, bytes: &[u8], kind: &str, package: &str) -> Result<Value, Status> {
    let sent = parse(headers, bytes)?;
    let given = sent["kind"].as_str().unwrap_or_default();
    if given.is_empty() || given == kind {
        return Ok(sent);
    }
    let version = sent["apiVersion"].as_str().and_then(|text| text.split('/').next_back()).unwrap_or_default();
    Err(Status::bad_request(format!(
        "{given} in version {version:?} cannot be handled as a {kind}: converting ({version}.{given}) to \
         ({package}.{kind}): unknown conversion"
    )))
}

/// Reads YAML, of which JSON is a part.
///
/// # Errors
/// If it is not YAML.
pub fn parse_yaml(bytes: &[u8]) -> Result<Value, Status> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    serde_yaml::from_slice(bytes).map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))
}
