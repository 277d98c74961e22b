//! A Kubernetes object that a template rendered.

use serde_json::Value;

/// A Kubernetes object; `apiVersion`, `kind` and `metadata.name` are known to be there.
#[derive(Clone, Debug, PartialEq)]
pub struct Object(Value);

/// The value has not the shape of a Kubernetes object.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAnObject {
    /// It is a text, a list, ...
    #[error("a Kubernetes object is a mapping, this is {0}")]
    NoMapping(&'static str),
    /// A field that every object has is not there, or is not a text.
    #[error("the object has no `{0}`")]
    Missing(&'static str),
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
        for (pointer, field) in [("/apiVersion", "apiVersion"), ("/kind", "kind"), ("/metadata/name", "metadata.name")]
        {
            if value.pointer(pointer).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(NotAnObject::Missing(field));
            }
        }
        Ok(Self(value))
    }

    /// `security.istio.io/v1`.
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion")
    }

    /// `PeerAuthentication`.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `metadata.namespace`, if it is there.
    pub fn namespace(&self) -> Option<&str> {
        self.0.pointer("/metadata/namespace").and_then(Value::as_str)
    }

    /// The whole object.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Gives the whole object away.
    pub fn into_value(self) -> Value {
        self.0
    }

    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
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
