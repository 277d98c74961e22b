//! The decision: does this pod get a sidecar?

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use super::{INJECT_LABEL, PROXY_CONTAINER, STATUS_ANNOTATION, strings};

/// The label of a namespace whose pods get sidecars.
const NAMESPACE_LABEL: &str = "istio-injection";
/// Namespaces of the cluster itself, whose pods are never touched.
const SYSTEM_NAMESPACES: &[&str] = &["kube-node-lease", "kube-public", "kube-system"];

/// Whether a pod gets a sidecar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// It does.
    Inject,
    /// It stays as it is.
    Leave(Reason),
}

/// Why a pod stays as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// It has a sidecar.
    AlreadyInjected,
    /// It shares the node's network, whose connections must not be redirected.
    HostNetwork,
    /// Neither its namespace nor the pod asks for one.
    NotAsked,
    /// The pod refuses one.
    Refused,
    /// It belongs to the cluster itself.
    SystemNamespace,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyInjected => "it has a sidecar already",
            Self::HostNetwork => "it uses the network of its node",
            Self::NotAsked => "neither its namespace nor the pod asks for a sidecar",
            Self::Refused => "it refuses a sidecar",
            Self::SystemNamespace => "it belongs to the cluster itself",
        })
    }
}

/// Decides whether `pod`, to be created in `namespace` with these labels, gets a sidecar.
///
/// The pod's own label `sidecar.istio.io/inject` (or, of old, its annotation) wins over its namespace.
pub fn decide(pod: &Value, namespace: &str, namespace_labels: &BTreeMap<String, String>) -> Decision {
    if pod.pointer("/spec/hostNetwork").and_then(Value::as_bool) == Some(true) {
        return Decision::Leave(Reason::HostNetwork);
    }
    if SYSTEM_NAMESPACES.contains(&namespace) {
        return Decision::Leave(Reason::SystemNamespace);
    }
    if is_injected(pod) {
        return Decision::Leave(Reason::AlreadyInjected);
    }
    match own_wish(pod) {
        Some(true) => Decision::Inject,
        Some(false) => Decision::Leave(Reason::Refused),
        None if namespace_labels.get(NAMESPACE_LABEL).is_some_and(|value| value == "enabled") => Decision::Inject,
        None => Decision::Leave(Reason::NotAsked),
    }
}

fn is_injected(pod: &Value) -> bool {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
    let mut names = containers.filter_map(|container| container.get("name")?.as_str());
    names.any(|name| name == PROXY_CONTAINER)
        || strings(pod.pointer("/metadata/annotations")).contains_key(STATUS_ANNOTATION)
}

fn own_wish(pod: &Value) -> Option<bool> {
    let of = |place| strings(pod.pointer(place)).remove(INJECT_LABEL);
    let wish = of("/metadata/labels").or_else(|| of("/metadata/annotations"))?;
    match wish.to_ascii_lowercase().as_str() {
        "" => None,
        "on" | "true" | "y" | "yes" => Some(true),
        _ => Some(false),
    }
}
