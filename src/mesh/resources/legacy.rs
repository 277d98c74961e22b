//! `authentication.istio.io/v1alpha1` Policy and MeshPolicy: what a server accepts, in the API of Istio up to 1.5.

use serde::{Deserialize, Deserializer, Serialize};

use super::null_is_default;
use crate::mesh::mode::Mode;

/// The spec of a Policy.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Services it is about; all of the namespace if empty.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// How callers prove who they are; nobody has to if empty.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
}

/// The spec of a MeshPolicy: a Policy without targets, for the whole mesh.
pub type MeshPolicy = Policy;

/// A Service of the policy's namespace.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Target {
    /// Its short name.
    #[serde(default)]
    pub name: String,
    /// Its **Service** ports; all if empty.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<TargetPortSelector>,
}

/// A Service port by number or name.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct TargetPortSelector {
    /// By number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// By name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One way of proving who one is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Peer {
    /// By mutual TLS. The field may be there without a value (`mtls:`), which asks for it as `mtls: {}` does.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub mtls: Option<PeerMutualTls>,
}

/// How mutual TLS is asked for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PeerMutualTls {
    /// STRICT (the default) or PERMISSIVE.
    #[serde(default = "strict")]
    pub mode: Mode,
}

impl Policy {
    /// The mode it asks for: that of its first mtls method, else mutual TLS is off.
    pub fn mode(&self) -> Mode {
        self.peers.iter().find_map(|peer| peer.mtls).map_or(Mode::Disable, |mtls| mtls.mode)
    }
}

fn strict() -> Mode {
    Mode::Strict
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PeerMutualTls>, D::Error> {
    let mtls = Option::deserialize(deserializer)?;
    Ok(Some(mtls.unwrap_or(PeerMutualTls { mode: Mode::Strict })))
}
