//! Defaulting: what a schema gives a default and the object leaves out is filled in.

use serde_json::{Map, Value};

use super::Schema;

impl Schema {
    /// Fills in defaults, top down, so that defaults inside a default count.
    ///
    /// A null that the schema does not allow (`nullable`) counts as absent: it is replaced by the default or dropped.
    pub fn fill_defaults(&self, object: &mut Value) {
        match object {
            Value::Array(elements) => {
                if let Some(items) = self.items() {
                    elements.iter_mut().for_each(|element| items.fill_defaults(element));
                }
            }
            Value::Object(fields) => self.default_fields(fields),
            _ => {}
        }
    }

    fn default_fields(&self, fields: &mut Map<String, Value>) {
        fields.retain(|name, value| !value.is_null() || self.field(name).is_none_or(|known| known.nullable));
        for (name, known) in &self.properties {
            if let Some(default) = &known.default
                && !fields.contains_key(name)
            {
                fields.insert(name.clone(), default.clone());
            }
        }
        for (name, value) in fields {
            if let Some(known) = self.field(name) {
                known.fill_defaults(value);
            }
        }
    }
}
