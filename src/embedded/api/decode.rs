//! Reads objects of built-in kinds as their Go types would: unknown fields are dropped and reported, wrong types
//! are errors.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Parses an object of one kind.
pub type Decode = fn(&Value) -> Result<Decoded, serde_json::Error>;

/// What is known about the Go type of a built-in kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    /// Parses an object, so that unknown fields are noticed and types are right.
    pub decode: Decode,
    /// The name of its schema.
    pub name: fn() -> Cow<'static, str>,
    /// Adds its schema, and those it refers to, to a generator's definitions.
    pub describe: fn(&mut SchemaGenerator) -> Schema,
}

impl Model {
    /// The model of a `T`.
    pub const fn of<T: DeserializeOwned + Serialize + JsonSchema>() -> Self {
        Self { decode: typed::<T>, name: T::schema_name, describe: SchemaGenerator::subschema_for::<T> }
    }
}

/// An object in its canonical form.
#[derive(Debug)]
pub struct Decoded {
    /// The object with known fields only.
    pub object: Value,
    /// The paths of fields that the kind does not have.
    pub unknown: Vec<String>,
}

/// Parses an object as a `T` and writes it again.
///
/// # Errors
/// If a field has the wrong type.
pub fn typed<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Decoded, serde_json::Error> {
    let canonical = serde_json::to_value(T::deserialize(object)?)?;
    let mut unknown = Vec::new();
    compare(object, &canonical, &mut String::new(), &mut unknown);
    Ok(Decoded { object: canonical, unknown })
}

/// Collects the fields that are in `given` and not in `canonical`.
fn compare(given: &Value, canonical: &Value, path: &mut String, unknown: &mut Vec<String>) {
    let length = path.len();
    match (given, canonical) {
        (Value::Object(given), Value::Object(canonical)) => {
            for (key, value) in given.iter().filter(|(_, value)| !is_nothing(value)) {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                match canonical.get(key) {
                    Some(canonical) => compare(value, canonical, path, unknown),
                    None => unknown.push(path.clone()),
                }
                path.truncate(length);
            }
        }
        (Value::Array(given), Value::Array(canonical)) => {
            for (index, (value, canonical)) in given.iter().zip(canonical).enumerate() {
                path.push_str(&format!("[{index}]"));
                compare(value, canonical, path, unknown);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// Whether a value may be left out without anybody noticing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
