//! Whether one version of a CustomResourceDefinition makes sense: its schema, its scale, its columns.

use serde_json::Value;

use super::{super::Schema, structural, text};
use crate::embedded::objects::field_error::FieldError;

/// The types of columns.
const TYPES: &[&str] = &["boolean", "date", "integer", "number", "string"];
/// The formats of columns.
const FORMATS: &[&str] = &["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

/// Complains about a version.
pub(super) fn check(version: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for flag in ["served", "storage"] {
        if !version.get(flag).is_some_and(Value::is_boolean) {
            errors.push(FieldError::required(format!("{path}.{flag}"), ""));
        }
    }
    check_schema(version, &format!("{path}.schema.openAPIV3Schema"), errors);
    if let Some(scale) = version.pointer("/subresources/scale") {
        check_scale(scale, &format!("{path}.subresources.scale"), errors);
    }
    let columns = version["additionalPrinterColumns"].as_array().into_iter().flatten();
    for (index, column) in columns.enumerate() {
        check_column(column, &format!("{path}.additionalPrinterColumns[{index}]"), errors);
    }
}

fn check_schema(version: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(written) = version.pointer("/schema/openAPIV3Schema").filter(|schema| schema.is_object()) else {
        errors.push(FieldError::required(path, "schemas are required"));
        return;
    };
    let found = text(written, "/type");
    if found != "object" {
        errors.push(FieldError::invalid(format!("{path}.type"), found, "must be object at the root"));
    }
    if written["nullable"] == true {
        errors.push(FieldError::forbidden(format!("{path}.nullable"), "nullable cannot be true at the root"));
    }
    structural::check(written, path, true, errors);
    match Schema::parse(written) {
        Ok(schema) => structural::check_values(&schema, path, errors),
        Err(error) => errors.push(FieldError::invalid(path, written.clone(), error.to_string())),
    }
}

fn check_scale(scale: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (field, root) in [("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")] {
        let (value, path) = (text(scale, &format!("/{field}")), format!("{path}.{field}"));
        match value {
            "" => errors.push(FieldError::required(path, "")),
            _ if !is_simple_path(value) => {
                errors.push(FieldError::invalid(path, value, "must be a simple json path starting with ."));
            }
            _ if !value.starts_with(&format!("{root}.")) => {
                errors.push(FieldError::invalid(path, value, format!("should be a json path under {root}")));
            }
            _ => {}
        }
    }
}

fn check_column(column: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let field = |name: &str| text(column, &format!("/{name}"));
    if field("name").is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    }
    let mut one_of = |name: &str, known: &[&str]| match field(name) {
        "" if name == "type" => {
            errors.push(FieldError::required(format!("{path}.type"), format!("must be one of {}", known.join(","))));
        }
        "" => {}
        value if known.contains(&value) => {}
        value => {
            let detail = format!("must be one of {}", known.join(","));
            errors.push(FieldError::invalid(format!("{path}.{name}"), value, detail));
        }
    };
    one_of("type", TYPES);
    one_of("format", FORMATS);
    // Kubernetes spells the field in this way in its complaints.
    let at = format!("{path}.JSONPath");
    match field("jsonPath") {
        "" => errors.push(FieldError::required(at, "")),
        value if !value.starts_with('.') => {
            errors.push(FieldError::invalid(at, value, "must be a simple json path starting with ."));
        }
        _ => {}
    }
}

/// Whether a path is a chain of names: `.spec.replicas`.
fn is_simple_path(path: &str) -> bool {
    let plain = |name: &str| !name.is_empty() && !name.contains(['[', ']', '*', '@', '?', '(', ')']);
    path.strip_prefix('.').is_some_and(|names| names.split('.').all(plain))
}
