//! What differs from run to run is masked, and nothing else.

mod composite;

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use crate::answer::Answer;

/// Managers that write whenever they get round to it.
const LATE: &[&str] = &["kube-controller-manager", "kube-scheduler", "kubelet"];

/// Fields that Go writes as null when they are not set; to clients that is the same as nothing.
const UNSET: &[&str] = &[
    "conditions",
    "creationTimestamp",
    "eventTime",
    "firstTimestamp",
    "lastTimestamp",
    "object",
    "rules",
    "storedVersions",
    "subsets",
    "webhooks",
];

/// Patterns of texts, and what is shown instead.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let patterns = [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[uid]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "[time]"),
        (r"\b10\.(9[6-9]|10\d|11[01])\.\d+\.\d+\b", "[service address]"),
        (r"\b10\.244\.\d+\.\d+\b", "[pod address]"),
        (r"\b(default-token|kube-api-access)-[a-z0-9]{5}\b", "$1-[random]"),
        // An age, as tables show it, is all there is in its cell.
        (r"^\d+(s|y(\d+d)?)$", "[age]"),
    ];
    patterns.map(|(pattern, shown)| (Regex::new(pattern).unwrap(), shown)).into()
});

/// Masks an answer; `places` are those that the case does not compare.
pub fn mask(answer: &mut Answer, places: &[String]) {
    walk(&mut answer.body);
    for place in places {
        let steps: Vec<&str> = place.split('/').skip(1).collect();
        blot(&mut answer.body, &steps);
    }
    answer.warnings.iter_mut().for_each(text);
}

fn walk(value: &mut Value) {
    match value {
        Value::String(found) => text(found),
        Value::Array(items) => items.iter_mut().for_each(walk),
        Value::Object(fields) => {
            fields.retain(|key, value| !value.is_null() || !UNSET.contains(&key.as_str()));
            generated_name(fields);
            discovery(fields);
            for (key, value) in fields.iter_mut() {
                match key.as_str() {
                    "resourceVersion" if value.as_str().is_some_and(|text| !text.is_empty()) => {
                        *value = "[version]".into();
                    }
                    "nodePort" | "healthCheckNodePort" if value.is_number() => *value = "[port]".into(),
                    "managedFields" => managers(value),
                    "message" => {
                        if let Value::String(text) = value {
                            *text = composite::mask(text);
                        }
                    }
                    _ => {}
                }
                walk(value);
            }
        }
        _ => {}
    }
}

fn text(text: &mut String) {
    for (pattern, shown) in PATTERNS.iter() {
        if pattern.is_match(text) {
            *text = pattern.replace_all(text, *shown).into_owned();
        }
    }
}

/// A name that the server chose.
fn generated_name(metadata: &mut serde_json::Map<String, Value>) {
    let prefix = metadata.get("generateName").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(Value::String(name)) = metadata.get_mut("name")
        && !prefix.is_empty()
        && name.starts_with(&prefix)
    {
        *name = format!("{prefix}[random]");
    }
}

/// Documents of discovery are maps by name, and clients read them so; hashes are the server's own.
fn discovery(document: &mut serde_json::Map<String, Value>) {
    for list in ["groups", "resources"] {
        let named = document.get(list).and_then(Value::as_array).and_then(|entries| {
            let entries = entries.iter().map(|entry| Some((entry["name"].as_str()?.to_owned(), entry.clone())));
            entries.collect::<Option<serde_json::Map<String, Value>>>()
        });
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            document.insert(list.to_owned(), Value::Object(named));
        }
    }
    document.remove("storageVersionHash");
    if document.contains_key("singularName")
        && let Some(Value::Array(verbs)) = document.get_mut("verbs")
    {
        verbs.sort_by_key(ToString::to_string);
    }
}

/// The order of managers depends on the second they wrote in, and controllers come when they come.
fn managers(list: &mut Value) {
    let Some(list) = list.as_array_mut() else { return };
    list.retain(|entry| !LATE.iter().any(|&late| entry["manager"] == late));
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    list.sort_by_cached_key(|entry| {
        ["operation", "manager", "apiVersion", "subresource"].map(|field| text(entry, field))
    });
}

fn blot(value: &mut Value, steps: &[&str]) {
    let Some((step, rest)) = steps.split_first() else {
        if !value.is_null() {
            *value = json!("[masked]");
        }
        return;
    };
    let step = step.replace("~1", "/").replace("~0", "~");
    match value {
        Value::Object(fields) if step == "*" => fields.values_mut().for_each(|value| blot(value, rest)),
        Value::Array(items) if step == "*" => items.iter_mut().for_each(|value| blot(value, rest)),
        // Whether it is there at all may depend on the time, too.
        Value::Object(fields) if rest.is_empty() => {
            fields.insert(step, json!("[masked]"));
        }
        Value::Object(fields) => {
            if let Some(value) = fields.get_mut(&step) {
                blot(value, rest);
            }
        }
        Value::Array(items) => {
            if let Some(value) = step.parse().ok().and_then(|index: usize| items.get_mut(index)) {
                blot(value, rest);
            }
        }
        _ => {}
    }
}
