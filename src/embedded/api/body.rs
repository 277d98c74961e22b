//! Bodies in and out: which formats are spoken, and how an object is written.

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::{path::Verb, status::Status};

/// Anything that can go wrong with a body on its way.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The largest request body that is read, as in a real API server.
const LIMIT: usize = 3 * 1024 * 1024;

/// What the server speaks, in the words of its refusals.
const SPOKEN: &str = "application/json, application/yaml";

/// How much of an object is answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Form {
    /// All of it.
    #[default]
    Whole,
    /// Its metadata, as `PartialObjectMetadata`.
    Metadata,
}

impl Form {
    /// `apiVersion` and `kind` of an object in this form, where they are not the object's own.
    pub fn types(self) -> Option<(&'static str, &'static str)> {
        (self == Self::Metadata).then_some(("meta.k8s.io/v1", "PartialObjectMetadata"))
    }

    /// The same of a list.
    pub fn list_types(self) -> Option<(&'static str, &'static str)> {
        (self == Self::Metadata).then_some(("meta.k8s.io/v1", "PartialObjectMetadataList"))
    }
}

/// An object as one served version shows it: with that version's `apiVersion`, or without any type where lists
/// leave it out.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The object as it is stored.
    pub object: &'a Value,
    /// `apiVersion` and `kind`.
    pub types: Option<(&'a str, &'a str)>,
    /// How much of it is shown.
    pub form: Form,
}

impl<'a> View<'a> {
    /// All of an object, with this type.
    pub fn whole(object: &'a Value, api_version: &'a str, kind: &'a str) -> Self {
        Self { object, types: Some((api_version, kind)), form: Form::Whole }
    }
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(fields) = self.object.as_object() else { return self.object.serialize(serializer) };
        let mut map = serializer.serialize_map(None)?;
        if let Some((api_version, kind)) = self.types {
            map.serialize_entry("kind", kind)?;
            map.serialize_entry("apiVersion", api_version)?;
        }
        let shown = |key: &str| match self.form {
            Form::Whole => key != "apiVersion" && key != "kind",
            Form::Metadata => key == "metadata",
        };
        for (key, value) in fields.iter().filter(|(key, _)| shown(key)) {
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

fn bytes_of(media_type: &'static str, code: StatusCode, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
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
        _ => Err(Status::unsupported_media_type(SPOKEN)),
    }
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

/// The form that the caller wants the answer in: the first that it accepts and that is spoken here.
///
/// # Errors
/// If there is none.
pub fn negotiate(headers: &HeaderMap, verb: Verb) -> Result<Form, Status> {
    let Some(accepted) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
        return Ok(Form::Whole);
    };
    accepted.split(',').find_map(|item| form_of(item, verb)).ok_or_else(Status::not_acceptable)
}

/// The form that an item of an `Accept` header asks for; `as=Table` and the like are not spoken here.
fn form_of(item: &str, verb: Verb) -> Option<Form> {
    let mut parts = item.split(';').map(str::trim);
    if !matches!(parts.next(), Some("application/json" | "application/*" | "*/*" | "")) {
        return None;
    }
    let parameters: Vec<&str> = parts.collect();
    let value = |name: &str| parameters.iter().find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='));
    let metadata = if verb == Verb::List { "PartialObjectMetadataList" } else { "PartialObjectMetadata" };
    match value("as") {
        None => Some(Form::Whole),
        Some(kind) if kind == metadata && value("g") == Some("meta.k8s.io") && value("v") == Some("v1") => {
            Some(Form::Metadata)
        }
        Some(_) => None,
    }
}
