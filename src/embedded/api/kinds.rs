//! The rules of built-in kinds, one file per kind: defaults, what an author has no say in, validation.

pub mod config_map;
pub mod crd;
pub mod deployment;
pub mod endpoints;
pub mod events;
pub mod lease;
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

use serde_json::{Value, json};

use crate::embedded::objects::{field_error::FieldError, names, selector::LabelSelector};

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

/// What is said about an address that is none.
const NO_ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

/// Complains about a number outside its range.
fn in_range(
    value: &Value,
    range: std::ops::RangeInclusive<i64>,
    field: impl Into<String>,
    causes: &mut Vec<FieldError>,
) {
    if value.as_i64().is_some_and(|number| !range.contains(&number)) {
        let detail = format!("must be between {} and {}, inclusive", range.start(), range.end());
        causes.push(invalid(field, value, &detail));
    }
}

/// Complains about a negative number.
fn not_negative(value: &Value, field: &str, causes: &mut Vec<FieldError>) {
    if value.as_i64().is_some_and(|number| number < 0) {
        causes.push(invalid(field, value, "must be greater than or equal to 0"));
    }
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

/// The rules of a workload's `spec.selector` and pod template.
fn validate_selector_and_template(object: &Value) -> Vec<FieldError> {
    let (selector, template) = (&object["spec"]["selector"], &object["spec"]["template"]);
    let mut causes = check_selector(selector);
    let parsed = LabelSelector::from_object(selector).ok().filter(|_| causes.is_empty());
    let Some(parsed) = parsed else {
        causes.push(invalid("spec.selector", selector, "invalid label selector"));
        return causes;
    };
    if parsed.is_empty() {
        let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
        let detail = format!("empty selector is invalid for {kind}");
        causes.push(invalid("spec.selector", selector, &detail));
    }
    let labels = &template["metadata"]["labels"];
    if !parsed.matches(Some(labels)) {
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

/// Complains about the parts of a label selector.
fn check_selector(selector: &Value) -> Vec<FieldError> {
    let mut causes = check_labels(&selector["matchLabels"], "spec.selector.matchLabels");
    for (index, expression) in items(&selector["matchExpressions"]).iter().enumerate() {
        let alone = json!({"matchExpressions": [expression]});
        if let Err(error) = LabelSelector::from_object(&alone) {
            let rest = error.field.rsplit(']').next().unwrap_or_default().to_owned();
            causes.push(FieldError { field: format!("spec.selector.matchExpressions[{index}]{rest}"), ..error });
        }
    }
    causes
}

/// Complains about keys and values that are no labels.
fn check_labels(labels: &Value, field: &str) -> Vec<FieldError> {
    let mut causes = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        causes.extend(names::qualified_name(key).map(|why| invalid(field, &Value::from(key.as_str()), &why)));
        let text = value.as_str().unwrap_or_default();
        causes.extend(names::label_value(text).map(|why| invalid(field, value, &why)));
    }
    causes
}
