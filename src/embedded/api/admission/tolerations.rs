//! What every pod gets: time to live on a node in trouble, and a priority.

use serde_json::{Value, json};

/// How long pods stay on a node in trouble, in seconds.
const PATIENCE: i64 = 300;

/// Adds the tolerations that a pod does not have yet.
pub(super) fn add(pod: &mut Value) {
    let spec = &mut pod["spec"];
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerated = |toleration: &Value| {
            (toleration["key"] == key || toleration["key"].as_str().is_none_or(str::is_empty))
                && (toleration["effect"] == "NoExecute" || toleration["effect"].as_str().is_none_or(str::is_empty))
        };
        if !tolerations.iter().any(tolerated) {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": PATIENCE,
            }));
        }
    }
    spec["tolerations"] = tolerations.into();
}

/// Adds the priority of pods without a class.
pub(super) fn add_priority(pod: &mut Value) {
    let spec = &mut pod["spec"];
    if spec["priority"].is_null() {
        spec["priority"] = 0.into();
    }
    if spec["preemptionPolicy"].is_null() {
        spec["preemptionPolicy"] = "PreemptLowerPriority".into();
    }
}
