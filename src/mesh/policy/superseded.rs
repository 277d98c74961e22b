//! Old policies that have no effect, because a PeerAuthentication applies to the workloads that they are about.

use std::fmt;

use super::Index;
use crate::mesh::resources::{Kind, Metadata};

/// Names that a message lists before it only counts.
const NAMED: usize = 3;

/// An old policy that a PeerAuthentication puts out of force at some workloads.
#[derive(Clone, Debug, PartialEq)]
pub struct Superseded {
    /// The policy of the old API.
    pub policy: Metadata,
    /// The narrowest PeerAuthentication that applies there.
    pub by: Metadata,
    /// The workloads, by name.
    pub workloads: Vec<String>,
}

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, by, workloads } = self;
        let named = workloads.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = match workloads.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        write!(
            f,
            "{policy} is ignored at {named}{more}: {by} applies there, and where one does the old API is not read"
        )
    }
}

impl Superseded {
    /// Whether it is about this resource, as the one that is ignored or the one that causes it.
    pub fn is_about(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        let is = |metadata: &Metadata| {
            (metadata.kind, metadata.namespace.as_str(), metadata.name.as_str()) == (kind, namespace, name)
        };
        is(&self.policy) || is(&self.by)
    }
}

impl Index {
    /// The old policies that are ignored somewhere, by policy and by the PeerAuthentication that is in their way.
    pub fn superseded(&self) -> Vec<Superseded> {
        let snapshot = self.snapshot();
        if snapshot.policies.is_empty() && snapshot.mesh_policies.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<Superseded> = Vec::new();
        for workload in self.workloads() {
            let Some(by) = self.peer_authentications(workload).next() else { continue };
            // No port is numbered 0: it stands for all that nobody names.
            let ports = self.inbound_ports(workload).into_iter().chain([0]);
            let policies = ports.filter_map(|port| self.old_policy(workload, port));
            let name = &self.workload(workload).name;
            for policy in policies {
                match found.iter_mut().find(|known| known.policy == *policy && known.by == *by) {
                    Some(known) if known.workloads.last() == Some(name) => {}
                    Some(known) => known.workloads.push(name.clone()),
                    None => {
                        let (policy, by, workloads) = (policy.clone(), by.clone(), vec![name.clone()]);
                        found.push(Superseded { policy, by, workloads });
                    }
                }
            }
        }
        found
    }
}
