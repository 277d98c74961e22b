//! The rules of a pod's `spec`, in pods and in the templates of workloads.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{FieldError, duplicate, invalid, is_unset, items, required, unsupported};
use crate::embedded::objects::{field_error::Kind, names};

/// Complains about a pod's `spec`, which stands at `path`.
pub(super) fn validate_spec(spec: &Value, path: &str) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let volumes = validate_volumes(spec, path, &mut causes);
    if items(&spec["containers"]).is_empty() {
        causes.push(required(format!("{path}.containers"), ""));
    }
    let mut seen = BTreeSet::new();
    for list in ["containers", "initContainers"] {
        for (index, container) in items(&spec[list]).iter().enumerate() {
            let path = format!("{path}.{list}[{index}]");
            validate_container(container, &path, &volumes, &mut causes);
            let name = container["name"].as_str().unwrap_or_default();
            if !name.is_empty() && !seen.insert(name) {
                causes.push(duplicate(format!("{path}.name"), &container["name"]));
            }
        }
    }
    validate_enumerations(spec, path, &mut causes);
    causes
}

fn validate_volumes<'a>(spec: &'a Value, path: &str, causes: &mut Vec<FieldError>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    for (index, volume) in items(&spec["volumes"]).iter().enumerate() {
        let field = format!("{path}.volumes[{index}].name");
        match volume["name"].as_str().filter(|name| !name.is_empty()) {
            None => causes.push(required(field, "")),
            Some(name) => {
                causes.extend(names::dns_label(name).map(|detail| invalid(field.clone(), &volume["name"], &detail)));
                if !seen.insert(name) {
                    causes.push(duplicate(field, &volume["name"]));
                }
            }
        }
    }
    seen
}

fn validate_container(container: &Value, path: &str, volumes: &BTreeSet<&str>, causes: &mut Vec<FieldError>) {
    match container["name"].as_str().filter(|name| !name.is_empty()) {
        None => causes.push(required(format!("{path}.name"), "")),
        Some(name) => causes
            .extend(names::dns_label(name).map(|detail| invalid(format!("{path}.name"), &container["name"], &detail))),
    }
    if is_unset(&container["image"]) {
        causes.push(required(format!("{path}.image"), ""));
    }
    for (index, port) in items(&container["ports"]).iter().enumerate() {
        let number = &port["containerPort"];
        if !number.as_i64().is_some_and(|number| (1..=65535).contains(&number)) {
            let detail = "must be between 1 and 65535, inclusive";
            causes.push(invalid(format!("{path}.ports[{index}].containerPort"), number, detail));
        }
    }
    for (index, variable) in items(&container["env"]).iter().enumerate() {
        if is_unset(&variable["name"]) {
            causes.push(required(format!("{path}.env[{index}].name"), ""));
        }
    }
    for (index, mount) in items(&container["volumeMounts"]).iter().enumerate() {
        let name = mount["name"].as_str().unwrap_or_default();
        if !volumes.contains(name) {
            causes.push(FieldError::new(Kind::NotFound, format!("{path}.volumeMounts[{index}].name"), name, ""));
        }
        if is_unset(&mount["mountPath"]) {
            causes.push(required(format!("{path}.volumeMounts[{index}].mountPath"), ""));
        }
    }
}

fn validate_enumerations(spec: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for (field, known) in [
        ("restartPolicy", &["Always", "OnFailure", "Never"][..]),
        ("dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]),
    ] {
        let value = &spec[field];
        if !value.is_null() && !known.iter().any(|&known| value == known) {
            causes.push(unsupported(format!("{path}.{field}"), value, known));
        }
    }
}
