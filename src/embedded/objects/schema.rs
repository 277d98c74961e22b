//! Structural schemas of custom resources (`openAPIV3Schema`): validation, pruning, defaulting.
//!
//! CEL rules (`x-kubernetes-validations`) are read but not evaluated.

mod default;
mod definition;
mod prune;
mod validate;

use std::{collections::BTreeMap, sync::OnceLock};

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

pub use definition::validate_definition;

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the schema cannot be read: {0}")]
pub struct SchemaError(#[from] serde_json::Error);

/// One node of a structural schema.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Schema {
    pub(crate) additional_properties: Option<SchemaOrBool>,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    pub(crate) default: Option<Value>,
    #[serde(rename = "enum")]
    one_of_values: Option<Vec<Value>>,
    exclusive_maximum: bool,
    exclusive_minimum: bool,
    format: Option<String>,
    items: Option<SchemaOrList>,
    max_items: Option<u64>,
    max_length: Option<u64>,
    max_properties: Option<u64>,
    maximum: Option<f64>,
    min_items: Option<u64>,
    min_length: Option<u64>,
    min_properties: Option<u64>,
    minimum: Option<f64>,
    multiple_of: Option<f64>,
    not: Option<Box<Schema>>,
    nullable: bool,
    one_of: Vec<Schema>,
    pattern: Option<String>,
    pub(crate) properties: BTreeMap<String, Schema>,
    required: Vec<String>,
    #[serde(rename = "type")]
    type_name: Option<String>,
    #[serde(rename = "x-kubernetes-embedded-resource")]
    embedded_resource: bool,
    #[serde(rename = "x-kubernetes-int-or-string")]
    int_or_string: bool,
    #[serde(rename = "x-kubernetes-list-map-keys")]
    pub(crate) list_map_keys: Vec<String>,
    #[serde(rename = "x-kubernetes-list-type")]
    pub(crate) list_type: Option<String>,
    #[serde(rename = "x-kubernetes-map-type", deserialize_with = "is_atomic")]
    pub(crate) map_type_atomic: bool,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    preserve_unknown_fields: bool,
    /// The compiled pattern; `None` inside if it is no regular expression of ours (Go's and Rust's are nearly the same).
    #[serde(skip)]
    compiled_pattern: OnceLock<Option<Regex>>,
}

/// The schema of a map's values, or whether there may be any.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum SchemaOrBool {
    /// Any value, or none.
    Bool(bool),
    /// Values of this schema.
    Schema(Box<Schema>),
}

/// `items` may be written as a list of one schema.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SchemaOrList {
    List(Vec<Schema>),
    Schema(Box<Schema>),
}

impl Schema {
    /// Reads an `openAPIV3Schema`.
    ///
    /// # Errors
    /// A keyword with a value of the wrong type.
    pub fn parse(schema: &Value) -> Result<Self, SchemaError> {
        Ok(Self::deserialize(schema)?)
    }

    /// The schema of a list's elements.
    pub(crate) fn items(&self) -> Option<&Schema> {
        match self.items.as_ref()? {
            SchemaOrList::Schema(schema) => Some(schema),
            SchemaOrList::List(schemas) => schemas.first(),
        }
    }

    /// The schema of a field or of a map's entry.
    pub(crate) fn field(&self, name: &str) -> Option<&Schema> {
        self.properties.get(name).or_else(|| self.values())
    }

    /// The schema of a map's values.
    fn values(&self) -> Option<&Schema> {
        match self.additional_properties.as_ref()? {
            SchemaOrBool::Schema(schema) => Some(schema),
            SchemaOrBool::Bool(_) => None,
        }
    }

    fn regex(&self) -> Option<&Regex> {
        let compile = || self.pattern.as_deref().and_then(|pattern| Regex::new(pattern).ok());
        self.compiled_pattern.get_or_init(compile).as_ref()
    }
}

fn is_atomic<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.as_deref() == Some("atomic"))
}

/// The path of a field below `path`, as Kubernetes prints it.
fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
