//! The rules of built-in kinds, one file per kind: defaults, what an author has no say in, validation.

pub mod crd;
pub mod deployment;
pub mod events;
pub mod namespace;
pub mod pod;
mod pod_spec;
mod pod_validation;
pub mod rbac;
pub mod replica_set;
pub mod secret;
pub mod service;
pub mod service_account;
pub mod webhook;

use serde_json::{Map, Value};

use crate::embedded::objects::field_error::FieldError;

/// The field has to be there.
fn required(field: impl Into<String>, detail: &str) -> FieldError {
    FieldError::required(field, detail)
}

/// The field's value makes no sense.
fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> FieldError {
    FieldError::invalid(field, value.clone(), detail)
}

/// The field's value is not one of those there are.
fn unsupported(field: impl Into<String>, value: &Value, known: &[&str]) -> FieldError {
    FieldError::not_supported(field, value.clone(), known.iter().copied())
}

/// The field may not be set here.
fn forbidden(field: impl Into<String>, detail: &str) -> FieldError {
    FieldError::forbidden(field, detail)
}

/// The value is there already and has to be unique.
fn duplicate(field: impl Into<String>, value: &Value) -> FieldError {
    FieldError::duplicate(field, value.clone())
}

/// Sets a field that is not there.
fn set_default(object: &mut Value, key: &str, value: impl Into<Value>) {
    let field = &mut object[key];
    if field.is_null() {
        *field = value.into();
    }
}

/// Whether a field is absent, null or an empty text, which are the same to Kubernetes.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// The items of a list; none if it is not there.
fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The items of the list at a JSON pointer, to be changed. Unlike an index, it adds nothing that is not there.
fn items_mut<'a>(object: &'a mut Value, pointer: &str) -> &'a mut [Value] {
    object.pointer_mut(pointer).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

/// Removes a field.
fn remove(object: &mut Value, key: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(key);
    }
}

/// Puts back a field as it was.
pub(super) fn keep(object: &mut Value, before: &Value, key: &str) {
    match before.get(key) {
        Some(value) => object[key] = value.clone(),
        None => remove(object, key),
    }
}

/// Leaves out numbers that are zero, as Go does.
fn without_zeros(status: &mut Value, fields: &[&str]) {
    if let Some(status) = status.as_object_mut() {
        status.retain(|field, value| *value != 0 || !fields.contains(&field.as_str()));
    }
}

/// Complains about numbers of replicas that cannot be: negative ones, and parts that are more than the whole.
fn validate_counts(status: &Value, fields: &[&str], causes: &mut Vec<FieldError>) {
    let count = |field: &str| status[field].as_i64().unwrap_or(0);
    for field in fields.iter().filter(|field| count(field) < 0) {
        let detail = "must be greater than or equal to 0";
        causes.push(FieldError::invalid(format!("status.{field}"), count(field), detail));
    }
    let parts = fields.iter().filter(|field| !matches!(**field, "replicas" | "unavailableReplicas"));
    for field in parts.filter(|field| count(field) > count("replicas")) {
        let detail = "cannot be greater than status.replicas";
        causes.push(FieldError::invalid(format!("status.{field}"), count(field), detail));
    }
}

/// Complains if a field that is fixed has changed.
fn immutable(new: &Value, before: &Value, field: &str, causes: &mut Vec<FieldError>) {
    if new != before {
        causes.push(invalid(field, new, "field is immutable"));
    }
}

/// Whether labels contain all of a selector's `matchLabels` (its expressions are not looked at).
fn match_labels_within(selector: &Value, labels: &Value) -> bool {
    let empty = Map::new();
    let wanted = selector["matchLabels"].as_object().unwrap_or(&empty);
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// The rules of a workload's `spec.selector` and pod template.
fn validate_selector_and_template(object: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let (selector, template) = (&object["spec"]["selector"], &object["spec"]["template"]);
    let empty = |key: &str| selector[key].as_object().is_none_or(Map::is_empty);
    if selector.is_null() {
        causes.push(required("spec.selector", ""));
    } else if empty("matchLabels") && items(&selector["matchExpressions"]).is_empty() {
        causes.push(invalid("spec.selector", selector, "empty selector is invalid for deployment"));
    }
    let labels = &template["metadata"]["labels"];
    if !selector.is_null() && !match_labels_within(selector, labels) {
        let detail = "`selector` does not match template `labels`";
        causes.push(invalid("spec.template.metadata.labels", labels, detail));
    }
    causes.extend(pod_validation::validate_spec(&template["spec"], "spec.template.spec"));
    let policy = &template["spec"]["restartPolicy"];
    if !policy.is_null() && policy != "Always" {
        causes.push(unsupported("spec.template.spec.restartPolicy", policy, &["Always"]));
    }
    causes
}
