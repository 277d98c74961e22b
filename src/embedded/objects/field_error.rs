//! What is wrong with one field of an object, worded as Kubernetes words it.

use std::fmt;

use serde_json::{Value, json};

/// In which way a field is wrong; the reasons of `Status.details.causes` (`metav1.CauseType`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The value occurs twice where it must be unique.
    Duplicate,
    /// The field must not be set here.
    Forbidden,
    /// The value breaks a rule.
    Invalid,
    /// The value names something that is not there.
    NotFound,
    /// The value is none of the listed ones.
    NotSupported,
    /// The field is missing.
    Required,
    /// The text is too long.
    TooLong,
    /// The list or map has too many entries.
    TooMany,
    /// The value has the wrong JSON type.
    TypeInvalid,
}

impl Kind {
    /// The machine-readable reason of a status cause.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
            Self::Invalid => "FieldValueInvalid",
            Self::NotFound => "FieldValueNotFound",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Required => "FieldValueRequired",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Duplicate => "Duplicate value",
            Self::Forbidden => "Forbidden",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotFound => "Not found",
            Self::NotSupported => "Unsupported value",
            Self::Required => "Required value",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
        }
    }

    /// Whether the offending value is part of the message.
    fn shows_value(self) -> bool {
        !matches!(self, Self::Forbidden | Self::Required | Self::TooLong)
    }
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// In which way it is wrong.
    pub kind: Kind,
    /// Its path (`spec.ports[0].port`); empty for the object itself, which is printed as `<nil>`.
    pub field: String,
    /// The offending value.
    pub value: Value,
    /// What would be right, or nothing.
    pub detail: String,
    /// How messages show the value, if not as JSON.
    pub shown: Option<String>,
}

impl FieldError {
    /// An error of any kind.
    pub fn new(kind: Kind, field: impl Into<String>, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self { kind, field: field.into(), value: value.into(), detail: detail.into(), shown: None }
    }

    /// A value that occurs twice.
    pub fn duplicate(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(Kind::Duplicate, field, value, "")
    }

    /// A field that must not be set.
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, field, Value::Null, detail)
    }

    /// A value that breaks a rule.
    pub fn invalid(field: impl Into<String>, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, field, value, detail)
    }

    /// A value that was changed and cannot be; `shown` is how messages show it, if not as JSON.
    pub fn immutable(field: impl Into<String>, value: impl Into<Value>, shown: Option<String>) -> Self {
        let error = Self::invalid(field, value, "field is immutable");
        Self { shown, ..error }
    }

    /// A value that is none of `supported`.
    pub fn not_supported<'a>(
        field: impl Into<String>,
        value: impl Into<Value>,
        supported: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let supported: Vec<String> = supported.into_iter().map(|value| format!("{value:?}")).collect();
        Self::new(Kind::NotSupported, field, value, format!("supported values: {}", supported.join(", ")))
    }

    /// A missing field; `detail` may be empty.
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Kind::Required, field, Value::Null, detail)
    }

    /// The error without its field: `Required value`, `Invalid value: "x": must be ...`.
    pub fn body(&self) -> String {
        let mut text = self.kind.title().to_owned();
        if self.kind.shows_value() {
            text.push_str(": ");
            text.push_str(&self.shown.clone().unwrap_or_else(|| shown(&self.value)));
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }

    /// The error as an entry of `Status.details.causes`.
    pub fn cause(&self) -> Value {
        json!({ "reason": self.kind.reason(), "message": self.body(), "field": self.shown_field() })
    }

    fn shown_field(&self) -> &str {
        if self.field.is_empty() { "<nil>" } else { &self.field }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.shown_field(), self.body())
    }
}

impl std::error::Error for FieldError {}

/// A value as Go shows it: lists of texts with their type, everything else as JSON.
fn shown(value: &Value) -> String {
    let texts = |items: &[Value]| items.iter().map(|item| item.as_str().map(|text| format!("{text:?}"))).collect();
    match value.as_array().and_then(|items| -> Option<Vec<String>> { texts(items) }) {
        Some(texts) => format!("[]string{{{}}}", texts.join(", ")),
        None => value.to_string(),
    }
}

/// All errors in one line, as the message of an `Invalid` status has them: one as it is, several in brackets.
pub fn summary(errors: &[FieldError]) -> String {
    let mut texts: Vec<String> = Vec::with_capacity(errors.len());
    for text in errors.iter().map(ToString::to_string) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [only] => only.clone(),
        _ => format!("[{}]", texts.join(", ")),
    }
}
