//! Reads objects of built-in kinds as their Go types would: unknown fields are dropped and reported, wrong types
//! are errors.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Parses an object of one kind.
pub type Decode = fn(&Value) -> Result<Decoded, serde_json::Error>;

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
