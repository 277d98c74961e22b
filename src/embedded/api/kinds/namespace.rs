//! Namespaces.

use serde_json::{Value, json};

use super::keep;

/// The finalizer that keeps a namespace until everything in it is gone.
pub const FINALIZER: &str = "kubernetes";
/// The label that every namespace carries, so that selectors can name it.
pub const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Labels a namespace with its name.
pub fn default(namespace: &mut Value) {
    if let Some(name) = namespace["metadata"]["name"].as_str().filter(|name| !name.is_empty()) {
        let name = Value::from(name);
        namespace["metadata"]["labels"][NAME_LABEL] = name;
    }
}

/// Starts a namespace's life.
pub fn prepare_create(namespace: &mut Value) {
    namespace["spec"] = json!({"finalizers": [FINALIZER]});
    namespace["status"] = json!({"phase": "Active"});
}

/// Leaves finalizers to `/finalize` and the phase to `/status`.
pub fn prepare_update(namespace: &mut Value, before: &Value) {
    keep(&mut namespace["spec"], &before["spec"], "finalizers");
    keep(namespace, before, "status");
}
