//! What a cluster has before anybody uses it.

use serde_json::{Value, json};

use super::{Server, metadata};
use crate::embedded::store::Key;

const NAMESPACES: &[&str] = &["default", "kube-node-lease", "kube-public", "kube-system"];

impl Server {
    /// Fills an empty store.
    pub(super) fn bootstrap(&self) {
        for name in NAMESPACES {
            self.bootstrap_object(
                "namespaces",
                json!({
                    "apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                    "spec": {"finalizers": ["kubernetes"]},
                    "status": {"phase": "Active"},
                }),
            );
        }
    }

    fn bootstrap_object(&self, table: &str, mut object: Value) {
        object["metadata"]["uid"] = uuid::Uuid::new_v4().to_string().into();
        object["metadata"]["creationTimestamp"] = metadata::now().into();
        let key = Key::new(metadata::text(&object, "namespace"), metadata::text(&object, "name"));
        // A store that has been used before keeps what it has.
        _ = self.store().create(table, key, object);
    }
}
