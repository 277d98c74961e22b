//! The decision: does this pod get a sidecar?

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use super::{INJECT_LABEL, PROXY_CONTAINER, STATUS_ANNOTATION};

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

/// What a pod itself says about a sidecar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PodWish {
    /// It uses the network of its node.
    host_network: bool,
    /// It has one.
    injected: bool,
    /// It asks for one, or refuses one.
    wish: Option<bool>,
}

impl PodWish {
    /// Reads a pod, or the template of one: `metadata` and `spec`.
    ///
    /// Of old, an annotation of the pod says the same as its label, which wins.
    pub fn of(pod: &Value) -> Self {
        let (metadata, spec) = (&pod["metadata"], &pod["spec"]);
        let mut containers = spec["containers"].as_array().into_iter().flatten();
        let said = |place: &str| metadata[place][INJECT_LABEL].as_str();
        let wish = said("labels").or_else(|| said("annotations")).map(str::to_ascii_lowercase);
        Self {
            host_network: spec["hostNetwork"] == true,
            injected: containers.any(|container| container["name"] == PROXY_CONTAINER)
                || metadata["annotations"][STATUS_ANNOTATION].is_string(),
            wish: match wish.as_deref() {
                None | Some("") => None,
                Some("on" | "true" | "y" | "yes") => Some(true),
                Some(_) => Some(false),
            },
        }
    }
}

/// Decides whether a pod, to be created in `namespace`, gets a sidecar.
///
/// Either side can refuse (the pod with a label `sidecar.istio.io/inject` other than `true`); if none does, one that
/// asks is enough. Source: Istio, "Installing the Sidecar", controlling the injection policy.
pub fn decide(pod: PodWish, namespace: &str, wish: impl Into<NamespaceWish>) -> Decision {
    if pod.host_network {
        return Decision::Leave(Reason::HostNetwork);
    }
    if SYSTEM_NAMESPACES.contains(&namespace) {
        return Decision::Leave(Reason::SystemNamespace);
    }
    if pod.injected {
        return Decision::Leave(Reason::AlreadyInjected);
    }
    match (wish.into(), pod.wish) {
        (_, Some(false)) => Decision::Leave(Reason::Refused),
        (NamespaceWish::Refuses, Some(true)) => Decision::Leave(Reason::NamespaceRefuses),
        (NamespaceWish::Refuses | NamespaceWish::Silent, None) => Decision::Leave(Reason::NotAsked),
        (NamespaceWish::Asks, _) | (NamespaceWish::Silent, Some(true)) => Decision::Inject,
    }
}
