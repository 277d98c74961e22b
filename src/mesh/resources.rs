//! The mesh's resource types, as far as they have an effect here, and what all of them share.
//!
//! [`super::validate`] decides whether an object is one; these types only hold what a valid one says.

mod destination_rule;
mod gateway;
mod legacy;
mod peer_authentication;
mod virtual_service;

use std::{cmp::Ordering, collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize};

pub use destination_rule::{
    ClientTlsMode, ClientTlsSettings, DestinationRule, LoadBalancer, PortNumber, PortSettings, Subset, TrafficPolicy,
};
pub use gateway::{Gateway, GatewayPort, GatewayServer, ServerTlsMode, ServerTlsSettings};
pub use legacy::{MeshPolicy, Peer, PeerMutualTls, Policy, Target, TargetPortSelector};
pub use peer_authentication::{MutualTls, PeerAuthentication};
pub use virtual_service::{
    Destination, HttpMatch, HttpRedirect, HttpRetry, HttpRewrite, HttpRoute, PortSelector, RouteDestination,
    StringMatch, TlsMatch, TlsRoute, VirtualService,
};

use super::snapshot::Source;

/// A mesh resource: who it is, and what it says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource<S> {
    /// Who it is.
    pub metadata: Metadata,
    /// What it says.
    pub spec: S,
}

/// The kinds of mesh resources.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Kind {
    /// `networking.istio.io` DestinationRule.
    DestinationRule,
    /// `networking.istio.io` Gateway.
    Gateway,
    /// `authentication.istio.io/v1alpha1` MeshPolicy.
    MeshPolicy,
    /// `security.istio.io` PeerAuthentication.
    #[default]
    PeerAuthentication,
    /// `authentication.istio.io/v1alpha1` Policy.
    Policy,
    /// `networking.istio.io` VirtualService.
    VirtualService,
}

impl Kind {
    /// All kinds, in alphabetical order.
    pub const ALL: [Self; 6] = [
        Self::DestinationRule,
        Self::Gateway,
        Self::MeshPolicy,
        Self::PeerAuthentication,
        Self::Policy,
        Self::VirtualService,
    ];

    /// The kind that `apiVersion` and `kind` of an object name; `None` if it is not a mesh resource.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        let (group, _) = api_version.split_once('/')?;
        Self::ALL.into_iter().find(|known| known.group() == group && known.to_string() == kind)
    }

    /// The API group.
    pub fn group(self) -> &'static str {
        match self {
            Self::DestinationRule | Self::Gateway | Self::VirtualService => "networking.istio.io",
            Self::MeshPolicy | Self::Policy => "authentication.istio.io",
            Self::PeerAuthentication => "security.istio.io",
        }
    }

    /// Whether objects of this kind live in a namespace.
    pub fn namespaced(self) -> bool {
        self != Self::MeshPolicy
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Who a mesh resource is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Metadata {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty if it is cluster-wide.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The server's name for this very object; empty offline.
    pub uid: String,
    /// How often its spec has changed; 0 offline.
    pub generation: i64,
    /// When it was made, to the second; `None` offline, which is older than everything.
    pub created: Option<jiff::Timestamp>,
    /// Where it was read.
    pub source: Option<Source>,
}

impl Metadata {
    /// Orders by age: the oldest first; of the same second the smaller name, then the smaller namespace.
    pub fn by_age(&self, other: &Self) -> Ordering {
        let key = |metadata: &Self| metadata.created.map(jiff::Timestamp::as_second);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.name.cmp(&other.name))
            .then_with(|| self.namespace.cmp(&other.namespace))
    }

    /// `namespace/name`, as Istio's tools write it (`/name` if cluster-wide).
    pub fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

impl fmt::Display for Metadata {
    /// `PeerAuthentication foo/default`, followed by its place if it came from a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.path().trim_start_matches('/'))?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

/// Picks workloads by their labels.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// All of these must be on the pod.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

/// Reads `null` as the default value, as Kubernetes does for optional fields.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
