//! Cells of role bindings.

use serde_json::Value;

/// The role that is given.
pub(super) fn role(binding: &Value) -> Value {
    let text = |field: &str| binding["roleRef"][field].as_str().unwrap_or_default();
    format!("{}/{}", text("kind"), text("name")).into()
}

/// Who gets it, of one kind.
pub(super) fn subjects(binding: &Value, kind: &str) -> Value {
    let subjects = binding["subjects"].as_array().into_iter().flatten().filter(|subject| subject["kind"] == kind);
    let names: Vec<String> = subjects
        .map(|subject| {
            let name = subject["name"].as_str().unwrap_or_default();
            let namespace = subject["namespace"].as_str().unwrap_or_default();
            if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
        })
        .collect();
    names.join(", ").into()
}
