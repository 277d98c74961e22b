//! Whether a CustomResourceDefinition makes sense itself.

use serde_json::Value;

use super::Schema;
use crate::embedded::objects::{
    field_error::{FieldError, Kind},
    names,
};

/// Everything that is wrong with a CustomResourceDefinition (`apiextensions.k8s.io/v1`).
pub fn validate_definition(definition: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check_names(definition, &mut errors);
    match text(definition, "/spec/scope") {
        "" => errors.push(FieldError::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => errors.push(FieldError::not_supported("spec.scope", other, ["Cluster", "Namespaced"])),
    }
    check_versions(definition, &mut errors);
    errors
}

fn text<'a>(definition: &'a Value, pointer: &str) -> &'a str {
    definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn check_names(definition: &Value, errors: &mut Vec<FieldError>) {
    let (name, group) = (text(definition, "/metadata/name"), text(definition, "/spec/group"));
    let plural = text(definition, "/spec/names/plural");
    if name != format!("{plural}.{group}") {
        errors.push(FieldError::invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group"));
    }
    if group.is_empty() {
        errors.push(FieldError::required("spec.group", ""));
    } else if let Some(problem) = names::dns_subdomain(group) {
        errors.push(FieldError::invalid("spec.group", group, problem));
    } else if !group.contains('.') {
        errors.push(FieldError::invalid("spec.group", group, "should be a domain with at least one dot"));
    }
    for (field, pointer) in [("spec.names.plural", "/spec/names/plural"), ("spec.names.kind", "/spec/names/kind")] {
        let value = text(definition, pointer);
        if value.is_empty() {
            errors.push(FieldError::required(field, ""));
        } else if let Some(problem) = names::dns_label(&value.to_lowercase()) {
            errors.push(FieldError::invalid(field, value, problem));
        }
    }
}

fn check_versions(definition: &Value, errors: &mut Vec<FieldError>) {
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if versions.is_empty() {
        errors.push(FieldError::required("spec.versions", "must specify at least one version"));
        return;
    }
    let mut seen = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        let name = text(version, "/name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        } else if let Some(problem) = names::dns_label(name) {
            errors.push(FieldError::invalid(format!("{path}.name"), name, problem));
        } else if seen.contains(&name) {
            errors.push(FieldError::duplicate(format!("{path}.name"), name));
        }
        seen.push(name);
        for flag in ["served", "storage"] {
            if !version.get(flag).is_some_and(Value::is_boolean) {
                errors.push(FieldError::required(format!("{path}.{flag}"), ""));
            }
        }
        check_schema(version, &format!("{path}.schema.openAPIV3Schema"), errors);
    }
    let stored = versions.iter().filter(|version| version.get("storage") == Some(&Value::Bool(true))).count();
    if stored != 1 {
        let names: Vec<&str> = versions.iter().map(|version| text(version, "/name")).collect();
        let detail = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid("spec.versions", names, detail));
    }
}

fn check_schema(version: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(schema) = version.pointer("/schema/openAPIV3Schema").filter(|schema| schema.is_object()) else {
        errors.push(FieldError::required(path, "schemas are required"));
        return;
    };
    match Schema::parse(schema) {
        Ok(schema) => {
            if schema.type_name.as_deref() != Some("object") {
                let found = schema.type_name.clone().unwrap_or_default();
                errors.push(FieldError::invalid(format!("{path}.type"), found, "must be object at the root"));
            }
            check_structural(&schema, path, true, errors);
        }
        Err(error) => errors.push(FieldError::invalid(path, schema.clone(), error.to_string())),
    }
}

/// Checks what makes a schema structural: every place says its type, keyed lists say their keys, defaults are valid.
fn check_structural(schema: &Schema, path: &str, is_root: bool, errors: &mut Vec<FieldError>) {
    let has_type = schema.type_name.as_deref().is_some_and(|name| !name.is_empty());
    if !has_type && !schema.int_or_string && !schema.preserve_unknown_fields && !is_root {
        errors.push(FieldError::required(format!("{path}.type"), "must not be empty for specified object fields"));
    }
    if let Some(name) = schema.type_name.as_deref().filter(|name| !TYPES.contains(name)) {
        errors.push(FieldError::not_supported(format!("{path}.type"), name, TYPES));
    }
    if schema.type_name.as_deref() == Some("array") && schema.items().is_none() {
        errors.push(FieldError::required(format!("{path}.items"), "must be specified"));
    }
    if schema.list_type.as_deref() == Some("map") && schema.list_map_keys.is_empty() {
        let detail = "must not be empty if x-kubernetes-list-type is map";
        errors.push(FieldError::required(format!("{path}.x-kubernetes-list-map-keys"), detail));
    }
    if let (Some(pattern), None) = (&schema.pattern, schema.regex()) {
        let detail = format!("must be a valid regular expression, but isn't: {pattern}");
        errors.push(FieldError::invalid(format!("{path}.pattern"), pattern.clone(), detail));
    }
    if let Some(default) = &schema.default {
        for error in schema.validate(default) {
            let field = format!("{path}.default{}{}", if error.field.is_empty() { "" } else { "." }, error.field);
            errors.push(FieldError { kind: Kind::Invalid, field, ..error });
        }
    }
    for (name, property) in &schema.properties {
        check_structural(property, &format!("{path}.properties[{name}]"), false, errors);
    }
    if let Some(items) = schema.items() {
        check_structural(items, &format!("{path}.items"), false, errors);
    }
    if let Some(values) = schema.values() {
        check_structural(values, &format!("{path}.additionalProperties"), false, errors);
    }
}

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
