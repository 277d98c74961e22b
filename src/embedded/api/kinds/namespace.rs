//! Namespaces.

use serde_json::{Value, json};

use super::keep;
use crate::embedded::objects::{field_error::FieldError, names};

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
    let mut finalizers = super::items(&namespace["spec"]["finalizers"]).to_vec();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        finalizers.push(FINALIZER.into());
    }
    namespace["spec"] = json!({"finalizers": finalizers});
    namespace["status"] = json!({"phase": "Active"});
}

/// Complains about finalizers that nobody could own.
pub fn validate(namespace: &Value) -> Vec<FieldError> {
    let finalizers = namespace["spec"]["finalizers"].as_array().into_iter().flatten().enumerate();
    let check = |(index, name): (usize, &Value)| {
        names::finalizer(&format!("spec.finalizers[{index}]"), name.as_str().unwrap_or_default())
    };
    finalizers.filter_map(check).collect()
}

/// Leaves finalizers to `/finalize` and the phase to `/status`.
pub fn prepare_update(namespace: &mut Value, before: &Value) {
    keep(&mut namespace["spec"], &before["spec"], "finalizers");
    keep(namespace, before, "status");
}
