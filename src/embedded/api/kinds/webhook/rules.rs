//! Which requests a webhook wants to be asked about.

use serde_json::Value;

use super::super::{FieldError, items, required, unsupported};

/// What can be done to an object, as rules spell it.
const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
/// Where objects may live, as rules spell it.
const SCOPES: &[&str] = &["*", "Cluster", "Namespaced"];

/// Complains about a rule.
pub(super) fn validate(rule: &Value, path: &str, causes: &mut Vec<FieldError>) {
    list(rule, "operations", "operations", path, causes);
    for (index, operation) in items(&rule["operations"]).iter().enumerate() {
        if !OPERATIONS.iter().any(|known| operation == known) {
            causes.push(unsupported(format!("{path}.operations[{index}]"), operation, OPERATIONS));
        }
    }
    list(rule, "apiGroups", "API groups", path, causes);
    list(rule, "apiVersions", "API versions", path, causes);
    for (index, version) in items(&rule["apiVersions"]).iter().enumerate() {
        if version == "" {
            causes.push(required(format!("{path}.apiVersions[{index}]"), ""));
        }
    }
    validate_resources(&rule["resources"], &format!("{path}.resources"), causes);
    if !rule["scope"].is_null() && !SCOPES.iter().any(|known| rule["scope"] == *known) {
        causes.push(unsupported(format!("{path}.scope"), &rule["scope"], SCOPES));
    }
}

/// A list must not be empty, and a star in it says it all.
fn list(rule: &Value, field: &str, shown: &str, path: &str, causes: &mut Vec<FieldError>) {
    let list = items(&rule[field]);
    if list.is_empty() {
        causes.push(required(format!("{path}.{field}"), ""));
    } else if list.len() > 1 && list.iter().any(|item| item == "*") {
        let detail = format!("if '*' is present, must not specify other {shown}");
        causes.push(FieldError::invalid(format!("{path}.{field}"), rule[field].clone(), detail));
    }
}

fn validate_resources(resources: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let list: Vec<&str> = items(resources).iter().filter_map(Value::as_str).collect();
    if list.is_empty() {
        causes.push(required(path, ""));
    }
    for (index, resource) in list.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if resource.is_empty() {
            causes.push(required(path, ""));
            continue;
        }
        let Some((whole, part)) = resource.split_once('/') else { continue };
        for wider in [format!("{whole}/*"), format!("*/{part}")] {
            if list[..index].contains(&wider.as_str()) {
                let detail = format!("if '{wider}' is present, must not specify {resource}");
                causes.push(FieldError::invalid(path.clone(), *resource, detail));
            }
        }
    }
    let mut complain = |detail: &str| causes.push(FieldError::invalid(path, resources.clone(), detail));
    if list.len() > 1 && list.contains(&"*/*") {
        complain("if '*/*' is present, must not specify other resources");
    }
    let plain = list.iter().rfind(|resource| !resource.contains('/')).is_some_and(|resource| *resource != "*");
    if plain && list.contains(&"*") {
        complain("if '*' is present, must not specify other resources without subresources");
    }
}
