//! The service graph: who called whom, how much, and whether both ends agree that it was mutual TLS.
//!
//! It is made of what proxies have counted, and of nothing else: [`graph`] is a pure function of their reports. A
//! workload without a proxy cannot report, and cannot prove who it is: as a caller it is an unknown source.

mod build;
mod claims;
mod security;
mod since;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use build::graph;

use crate::{mesh::identity::SpiffeId, sidecar::telemetry::report::Counts};

/// The name of the node that stands for all callers that proved nothing.
pub const UNKNOWN: &str = "unknown";

/// Who called whom.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    /// When the proxies were asked.
    pub at: Timestamp,
    /// Everybody who called or was called, sorted.
    pub nodes: Vec<Node>,
    /// Who called whom, sorted; by the names of nodes.
    pub edges: Vec<Edge>,
    /// Proxies that did not answer (`namespace/pod`); what they know is missing, or old.
    pub silent: Vec<String>,
}

impl Graph {
    /// Only what has an end in this namespace.
    #[must_use]
    pub fn around(self, namespace: &str) -> Self {
        let Self { at, nodes, mut edges, silent } = self;
        let within = |name: &str| name.split_once('/').is_some_and(|(found, _)| found == namespace);
        edges.retain(|edge| within(&edge.source) || within(&edge.destination));
        let has_edge = |node: &Node| edges.iter().any(|edge| [&edge.source, &edge.destination].contains(&&node.name));
        Self { at, nodes: nodes.into_iter().filter(has_edge).collect(), silent, edges }
    }
}

/// Somebody who called or was called.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// What edges call it: `foo/httpbin`, `unknown`.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// Its namespace, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Whether a proxy of it has been heard of.
    pub proxied: bool,
}

/// What a node is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NodeKind {
    /// Somebody who proved an identity, and whose workload is not known.
    Identity,
    /// Addresses that belong to no Service.
    Outside,
    /// A Service none of whose pods were reached.
    Service,
    /// Callers that proved nothing: plaintext from somebody without a proxy, or one that did not say it was there.
    Unknown,
    /// A workload.
    Workload,
}

/// Calls of one node to another.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Edge {
    /// The caller's node.
    pub source: String,
    /// The called node.
    pub destination: String,
    /// The Services by which it was called.
    pub services: Vec<String>,
    /// What is said of it.
    pub security: Security,
    /// The part of the calls that went over mutual TLS, from 0 to 1; of those of the last minute if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtls_share: Option<f64>,
    /// Calls (requests and opaque connections) per second, in the last minute.
    pub rate: f64,
    /// How much there was, by the word of whoever knows more: the source, else the destination.
    pub total: Counts,
    /// The same, in the last minute.
    pub recent: Counts,
    /// Requests by status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub codes: BTreeMap<u16, u64>,
    /// What each end says.
    pub evidence: Evidence,
}

/// How calls are secured.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Security {
    /// Mutual TLS, and both ends say so, each naming the other's identity.
    Mtls,
    /// Mutual TLS by the word of one end only.
    Unconfirmed,
    /// Some over mutual TLS, some not.
    Mixed,
    /// TLS that is not the mesh's.
    Tls,
    /// Readable by anybody on the way.
    Plaintext,
    /// Nobody was reached.
    Failed,
    /// No connection was let in.
    Refused,
}

impl Security {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mtls => "mTLS",
            Self::Unconfirmed => "mTLS, one end",
            Self::Mixed => "mixed",
            Self::Tls => "TLS",
            Self::Plaintext => "plaintext",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// What the two ends say of an edge; an end without a proxy says nothing.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The caller's proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Claim>,
    /// The called proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Claim>,
}

/// What the proxies of one end say.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The identities of the proxies that say so.
    #[serde(default)]
    pub own: BTreeSet<SpiffeId>,
    /// Who the other end proved to be.
    pub peers: BTreeSet<SpiffeId>,
    /// How much went over mutual TLS.
    pub mtls: Amount,
    /// How much went over other TLS.
    pub tls: Amount,
    /// How much went as it was written.
    pub plaintext: Amount,
    /// How much reached nobody.
    pub unreached: Amount,
}

/// Since the proxies started, and in the last minute.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Amount {
    /// Since the proxies started.
    pub total: Counts,
    /// In the last minute.
    pub recent: Counts,
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.recent += other.recent;
    }
}

impl Amount {
    /// What `self` has more than `other`.
    #[must_use]
    pub fn since(self, other: Self) -> Self {
        Self { total: self.total.since(other.total), recent: self.recent.since(other.recent) }
    }
}

impl Claim {
    /// Everything, however it travelled.
    pub fn all(&self) -> Amount {
        let mut all = self.mtls;
        [self.tls, self.plaintext, self.unreached].into_iter().for_each(|amount| all += amount);
        all
    }
}

#[cfg(test)]
mod tests;
