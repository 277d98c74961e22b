//! The environment of a container.

use serde_json::Value;

use super::super::{FieldError, invalid, is_unset, items, required};
use crate::embedded::objects::names;

const SOURCES: [&str; 4] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"];
const FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
const NAME: &str = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', \
    and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation \
    is '[-._a-zA-Z][-._a-zA-Z0-9]*')";

/// Complains about single variables, and about those taken over as a whole.
pub(super) fn check(container: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for (index, variable) in items(&container["env"]).iter().enumerate() {
        let path = format!("{path}.env[{index}]");
        match variable["name"].as_str().unwrap_or_default() {
            "" => causes.push(required(format!("{path}.name"), "")),
            name if !is_variable(name) => causes.push(invalid(format!("{path}.name"), &variable["name"], NAME)),
            _ => {}
        }
        check_source(variable, &format!("{path}.valueFrom"), causes);
    }
    for (index, source) in items(&container["envFrom"]).iter().enumerate() {
        check_many(source, &format!("{path}.envFrom"), index, causes);
    }
}

fn is_variable(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    name.chars().all(fits) && !name.starts_with(|first: char| first.is_ascii_digit())
}

fn check_source(variable: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let source = &variable["valueFrom"];
    if !source.is_object() {
        return;
    }
    let nothing = Value::from("");
    if !is_unset(&variable["value"]) {
        return causes.push(invalid(path, &nothing, "may not be specified when `value` is not empty"));
    }
    match SOURCES.iter().filter(|&&known| source[known].is_object()).count() {
        0 => {
            let detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`";
            causes.push(invalid(path, &nothing, detail));
        }
        1 => {}
        _ => causes.push(invalid(path, &nothing, "may not have more than one field specified at a time")),
    }
    if source["fieldRef"].is_object() {
        check_field(&source["fieldRef"]["fieldPath"], &format!("{path}.fieldRef.fieldPath"), causes);
    }
    for kind in ["configMapKeyRef", "secretKeyRef"] {
        let reference = &source[kind];
        if !reference.is_object() {
            continue;
        }
        if let Some(problem) = names::dns_subdomain(reference["name"].as_str().unwrap_or_default()) {
            causes.push(FieldError::invalid(
                format!("{path}.{kind}.name"),
                reference["name"].as_str().unwrap_or_default(),
                problem,
            ));
        }
        if is_unset(&reference["key"]) {
            causes.push(required(format!("{path}.{kind}.key"), ""));
        }
    }
}

fn check_field(field: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let name = field.as_str().unwrap_or_default();
    let of_map = |map: &str| name.strip_prefix(map).is_some_and(|key| key.starts_with("['") && key.ends_with("']"));
    if name.is_empty() {
        causes.push(required(path, ""));
    } else if !FIELDS.contains(&name) && !of_map("metadata.labels") && !of_map("metadata.annotations") {
        let detail = format!("error converting fieldPath: field label not supported: {name}");
        causes.push(invalid(path, field, &detail));
    }
}

fn check_many(source: &Value, path: &str, index: usize, causes: &mut Vec<FieldError>) {
    let prefix = source["prefix"].as_str().unwrap_or_default();
    if !prefix.is_empty() && !is_variable(prefix) {
        causes.push(invalid(format!("{path}[{index}].prefix"), &source["prefix"], NAME));
    }
    let given: Vec<&str> =
        ["configMapRef", "secretRef"].into_iter().filter(|&known| source[known].is_object()).collect();
    match given.as_slice() {
        [] => causes.push(invalid(path, &Value::from(""), "must specify one of: `configMapRef` or `secretRef`")),
        [kind] if is_unset(&source[*kind]["name"]) => {
            causes.push(required(format!("{path}[{index}].{kind}.name"), ""));
        }
        [_] => {}
        _ => causes.push(invalid(path, &Value::from(""), "may not have more than one field specified at a time")),
    }
}
