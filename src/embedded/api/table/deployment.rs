//! Cells of the kinds that own pods.

use serde_json::Value;

/// A number; nothing counts as zero.
pub(super) fn count(value: &Value) -> Value {
    value.as_i64().unwrap_or_default().into()
}

/// How many pods are ready, of how many.
pub(super) fn ready(object: &Value) -> Value {
    format!("{}/{}", count(&object["status"]["readyReplicas"]), count(&object["spec"]["replicas"])).into()
}

fn of_containers(object: &Value, field: &str) -> Value {
    let containers = object["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten();
    let texts: Vec<&str> = containers.filter_map(|container| container[field].as_str()).collect();
    texts.join(",").into()
}

/// The containers' names.
pub(super) fn containers(object: &Value) -> Value {
    of_containers(object, "name")
}

/// The containers' images.
pub(super) fn images(object: &Value) -> Value {
    of_containers(object, "image")
}

/// Labels in text form.
pub(super) fn labels(labels: &Value) -> Value {
    let pairs = labels.as_object().into_iter().flatten();
    let texts: Vec<String> =
        pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    if texts.is_empty() { "<none>".into() } else { texts.join(",").into() }
}

/// A selector in text form.
pub(super) fn selector(object: &Value) -> Value {
    let selector = &object["spec"]["selector"];
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    let mut texts: Vec<String> = expressions.map(expression).collect();
    if let Some(text) = labels(&selector["matchLabels"]).as_str().filter(|text| *text != "<none>") {
        texts.insert(0, text.to_owned());
    }
    if texts.is_empty() { "<none>".into() } else { texts.join(",").into() }
}

fn expression(expression: &Value) -> String {
    let key = expression["key"].as_str().unwrap_or_default();
    let values = expression["values"].as_array().into_iter().flatten();
    let values: Vec<&str> = values.filter_map(Value::as_str).collect();
    match expression["operator"].as_str() {
        Some("DoesNotExist") => format!("!{key}"),
        Some("Exists") => key.to_owned(),
        Some("NotIn") => format!("{key} notin ({})", values.join(",")),
        _ => format!("{key} in ({})", values.join(",")),
    }
}
