//! Answers: what is compared.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a server answered, as far as it is compared.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// The media type.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// Warnings for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The body: JSON, a list of events, or a text.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}
