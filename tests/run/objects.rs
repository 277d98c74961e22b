//! Objects that tests put on a cluster.

use kube::core::DynamicObject;
use serde_json::{Value, json};

/// Any object.
pub fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}

/// A namespace.
pub fn namespace(name: &str) -> DynamicObject {
    object(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
}

/// An empty ConfigMap.
pub fn config_map(namespace: &str, name: &str) -> DynamicObject {
    object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}))
}
