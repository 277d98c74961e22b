//! The decision: does this pod get a sidecar?

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use super::{INJECT_LABEL, PROXY_CONTAINER, STATUS_ANNOTATION, strings};

/// The label of a namespace whose pods get sidecars.
const NAMESPACE_LABEL: &str = "istio-injection";
/// Namespaces of the cluster itself, whose pods are never touched.
pub const SYSTEM_NAMESPACES: &[&str] = &["kube-node-lease", "kube-public", "kube-system"];

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
    /// Its namespace refuses sidecars.
    NamespaceRefuses,
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
            Self::NamespaceRefuses => "its namespace refuses sidecars",
            Self::NotAsked => "neither its namespace nor the pod asks for a sidecar",
            Self::Refused => "it refuses a sidecar",
            Self::SystemNamespace => "it belongs to the cluster itself",
        })
    }
}

/// What a namespace says about sidecars for its pods.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NamespaceWish {
    /// `istio-injection=enabled`.
    Asks,
    /// `istio-injection` with any other value.
    Refuses,
    /// Nothing.
    Silent,
}

impl From<&BTreeMap<String, String>> for NamespaceWish {
    /// Reads the labels of a namespace.
    fn from(labels: &BTreeMap<String, String>) -> Self {
        match labels.get(NAMESPACE_LABEL).map(String::as_str) {
            Some("enabled") => Self::Asks,
            Some(_) => Self::Refuses,
            None => Self::Silent,
        }
    }
}

/// Decides whether `pod`, to be created in `namespace`, gets a sidecar.
///
/// Either side can refuse (the pod with a label `sidecar.istio.io/inject` other than `true`); if none does, one that
/// asks is enough. Of old, an annotation of the pod says the same as its label, which wins.
/// Source: Istio, "Installing the Sidecar", controlling the injection policy.
pub fn decide(pod: &Value, namespace: &str, wish: impl Into<NamespaceWish>) -> Decision {
    if pod.pointer("/spec/hostNetwork").and_then(Value::as_bool) == Some(true) {
        return Decision::Leave(Reason::HostNetwork);
    }
    if SYSTEM_NAMESPACES.contains(&namespace) {
        return Decision::Leave(Reason::SystemNamespace);
    }
    if is_injected(pod) {
        return Decision::Leave(Reason::AlreadyInjected);
    }
    match (wish.into(), own_wish(pod)) {
        (_, Some(false)) => Decision::Leave(Reason::Refused),
        (NamespaceWish::Refuses, Some(true)) => Decision::Leave(Reason::NamespaceRefuses),
        (NamespaceWish::Refuses | NamespaceWish::Silent, None) => Decision::Leave(Reason::NotAsked),
        (NamespaceWish::Asks, _) | (NamespaceWish::Silent, Some(true)) => Decision::Inject,
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
