//! Columns that a `CustomResourceDefinition` asks for.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{super::json_path::JsonPath, age};

/// A column of a custom resource.
#[derive(Clone, Debug)]
pub(in crate::embedded::api) struct CustomColumn {
    name: String,
    value: String,
    format: String,
    description: String,
    priority: i64,
    path: JsonPath,
}

static NAME: LazyLock<CustomColumn> = LazyLock::new(|| CustomColumn::new("Name", "string", "name", ".metadata.name"));
static AGE: LazyLock<CustomColumn> =
    LazyLock::new(|| CustomColumn::new("Age", "date", "", ".metadata.creationTimestamp"));

/// The columns of a table: the name comes first; who asks for no others gets the age.
pub(super) fn custom_columns(own: &[CustomColumn]) -> Vec<&CustomColumn> {
    let mut columns = vec![&*NAME];
    if own.is_empty() {
        columns.push(&AGE);
    }
    columns.extend(own);
    columns
}

impl CustomColumn {
    fn new(name: &str, value: &str, format: &str, path: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            format: format.to_owned(),
            description: String::new(),
            priority: 0,
            path: JsonPath::parse(path),
        }
    }

    /// Reads an entry of `additionalPrinterColumns`.
    pub fn parse(column: &Value) -> Self {
        let text = |field: &str| column[field].as_str().unwrap_or_default();
        Self {
            description: match text("description") {
                "" => format!("Custom resource definition column (in JSONPath format): {}", text("jsonPath")),
                description => description.to_owned(),
            },
            priority: column["priority"].as_i64().unwrap_or_default(),
            ..Self::new(text("name"), text("type"), text("format"), text("jsonPath"))
        }
    }

    /// The column as a table describes it.
    pub fn definition(&self) -> Value {
        json!({
            "name": self.name, "type": self.value, "format": self.format,
            "description": self.description, "priority": self.priority,
        })
    }

    /// The cell of an object: nothing if the object has no such field, or one of another type.
    pub fn cell(&self, object: &Value) -> Value {
        let Some(value) = self.path.first(object) else { return Value::Null };
        match self.value.as_str() {
            "boolean" if value.is_boolean() => value.clone(),
            "date" => {
                if value.is_string() {
                    age::since(value).into()
                } else {
                    Value::Null
                }
            }
            "integer" => value.as_f64().map_or(Value::Null, |number| json!(number as i64)),
            "number" if value.is_number() => value.clone(),
            "string" => match value {
                Value::String(_) | Value::Null => value.clone(),
                other => other.to_string().into(),
            },
            _ => Value::Null,
        }
    }
}
