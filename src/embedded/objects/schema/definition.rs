//! Whether a CustomResourceDefinition makes sense itself.

mod structural;
mod version;

use serde_json::Value;

use crate::embedded::objects::{field_error::FieldError, names};

/// Everything that is wrong with a CustomResourceDefinition (`apiextensions.k8s.io/v1`).
pub fn validate_definition(definition: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check_name_and_group(definition, &mut errors);
    match text(definition, "/spec/scope") {
        "" => errors.push(FieldError::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => errors.push(FieldError::not_supported("spec.scope", other, ["Cluster", "Namespaced"])),
    }
    if definition.pointer("/spec/preserveUnknownFields") == Some(&Value::Bool(true)) {
        let detail = "cannot set to true, set x-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.push(FieldError::invalid("spec.preserveUnknownFields", true, detail));
    }
    check_versions(definition, &mut errors);
    check_names(definition, &mut errors);
    errors
}

fn text<'a>(definition: &'a Value, pointer: &str) -> &'a str {
    definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn check_name_and_group(definition: &Value, errors: &mut Vec<FieldError>) {
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
}

fn check_names(definition: &Value, errors: &mut Vec<FieldError>) {
    for name in ["plural", "singular", "kind", "listKind"] {
        let (field, value) = (format!("spec.names.{name}"), text(definition, &format!("/spec/names/{name}")));
        let lower = matches!(name, "kind" | "listKind").then(|| value.to_lowercase());
        if value.is_empty() {
            errors.push(FieldError::required(field, ""));
        } else if let Some(problem) = names::dns_label_1035(lower.as_deref().unwrap_or(value)) {
            errors.push(FieldError::invalid(field, value, problem));
        }
    }
    for name in ["shortNames", "categories"] {
        let list = definition.pointer(&format!("/spec/names/{name}")).and_then(Value::as_array);
        for (index, value) in list.into_iter().flatten().enumerate() {
            if let Some(problem) = names::dns_label_1035(value.as_str().unwrap_or_default()) {
                errors.push(FieldError::invalid(format!("spec.names.{name}[{index}]"), value.clone(), problem));
            }
        }
    }
}

fn check_versions(definition: &Value, errors: &mut Vec<FieldError>) {
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut seen = Vec::new();
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}]");
        let name = text(version, "/name");
        if let Some(problem) = names::dns_label_1035(name) {
            errors.push(FieldError::invalid(format!("{path}.name"), name, problem));
        }
        version::check(version, &path, errors);
        seen.push(name);
    }
    let detail = if (1..seen.len()).any(|index| seen[..index].contains(&seen[index])) {
        "must contain unique version names"
    } else if versions.iter().filter(|version| version["storage"] == true).count() != 1 {
        "must have exactly one version marked as storage version"
    } else {
        return;
    };
    errors.push(FieldError::invalid("spec.versions", seen, detail));
}
