//! A Kubernetes object that a template rendered.

use std::sync::Arc;

use serde_json::Value;

const NAME: &str = "metadata.name";

/// Whether `text` is a DNS label (RFC 1123), as namespaces and Services are named.
pub fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// Whether a text is an `apiVersion`: `v1`, or a group and a version.
pub(crate) fn is_api_version(text: &str) -> bool {
    let (group, version) = text.split_once('/').map_or((None, text), |(group, version)| (Some(group), version));
    is_label(version) && group.is_none_or(|group| group.split('.').all(is_label))
}

/// Whether objects can have this name: labels with dots between them. RBAC also allows colons (`system:node`).
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split(['.', ':']).all(is_label)
}

/// A Kubernetes object; `apiVersion`, `kind` and `metadata.name` are known to be there. Its copies are one.
#[derive(Clone, Debug, PartialEq)]
pub struct Object(Arc<Value>);

/// The value has not the shape of a Kubernetes object.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAnObject {
    /// It is a text, a list, ...
    #[error("a Kubernetes object is a mapping, this is {0}")]
    NoMapping(&'static str),
    /// A field that every object has is not there, or is not a text.
    #[error("the object has no `{0}`")]
    Missing(&'static str),
    /// An `apiVersion` that Kubernetes would refuse, or that would lead to another URL.
    #[error("{0:?} is not an `apiVersion`; it is written as in `v1` or `apps/v1`")]
    ApiVersion(String),
    /// A name that Kubernetes would refuse, or that would lead to another URL.
    #[error("`{0}` is not possible as `{1}`: lower case letters, digits, `-`{dots}", dots = if *.1 == NAME { " and `.`" } else { "" })]
    Name(String, &'static str),
}

impl Object {
    /// Checks what every object must have.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn new(value: Value) -> Result<Self, NotAnObject> {
        if !value.is_object() {
            return Err(NotAnObject::NoMapping(shape(&value)));
        }
        let needed =
            [("apiVersion", &value["apiVersion"]), ("kind", &value["kind"]), (NAME, &value["metadata"]["name"])];
        if let Some((field, _)) = needed.iter().find(|(_, value)| value.as_str().is_none_or(str::is_empty)) {
            return Err(NotAnObject::Missing(field));
        }
        let object = Self(Arc::new(value));
        if !is_api_version(object.api_version()) {
            return Err(NotAnObject::ApiVersion(object.api_version().to_owned()));
        }
        if !is_name(object.name()) {
            return Err(NotAnObject::Name(object.name().to_owned(), NAME));
        }
        match object.namespace() {
            Some(namespace) if !is_label(namespace) => {
                Err(NotAnObject::Name(namespace.to_owned(), "metadata.namespace"))
            }
            _ => Ok(object),
        }
    }

    /// `security.istio.io/v1`.
    pub fn api_version(&self) -> &str {
        text(&self.0["apiVersion"])
    }

    /// `PeerAuthentication`.
    pub fn kind(&self) -> &str {
        text(&self.0["kind"])
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        text(&self.0["metadata"]["name"])
    }

    /// `metadata.namespace`, if it is there.
    pub fn namespace(&self) -> Option<&str> {
        self.0["metadata"]["namespace"].as_str()
    }

    /// The whole object.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The whole object, for those who keep it.
    pub(crate) fn shared(&self) -> Arc<Value> {
        Arc::clone(&self.0)
    }
}

/// A text that is known to be there.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What a value is, in a reader's words.
pub(crate) fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
