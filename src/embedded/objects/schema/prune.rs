//! Pruning: what a schema does not specify is dropped.

use serde_json::{Map, Value};

use super::{Schema, SchemaOrBool, child};

impl Schema {
    /// Drops every field of the custom resource `object` that the schema does not specify.
    ///
    /// Answers the paths of what was dropped (`spec.foo`, `spec.list[0].bar`), for
    /// `fieldValidation=Strict` and `Warn`. `apiVersion`, `kind` and `metadata` always stay.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut dropped = Vec::new();
        prune(self, object, "", true, &mut dropped);
        dropped
    }
}

fn prune(schema: &Schema, value: &mut Value, path: &str, is_resource: bool, dropped: &mut Vec<String>) {
    match value {
        Value::Array(elements) => {
            if let Some(items) = schema.items() {
                for (index, element) in elements.iter_mut().enumerate() {
                    prune(items, element, &format!("{path}[{index}]"), items.embedded_resource, dropped);
                }
            }
        }
        Value::Object(fields) => prune_fields(schema, fields, path, is_resource, dropped),
        _ => {}
    }
}

fn prune_fields(
    schema: &Schema,
    fields: &mut Map<String, Value>,
    path: &str,
    is_resource: bool,
    dropped: &mut Vec<String>,
) {
    let keeps_all =
        schema.preserve_unknown_fields || matches!(schema.additional_properties, Some(SchemaOrBool::Bool(true)));
    fields.retain(|name, value| {
        if is_resource && matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            return true;
        }
        let path = child(path, name);
        match schema.field(name) {
            Some(known) => prune(known, value, &path, known.embedded_resource, dropped),
            None if keeps_all => {}
            None => {
                dropped.push(path);
                return false;
            }
        }
        true
    });
}
