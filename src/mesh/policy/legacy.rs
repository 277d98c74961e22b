//! The server mode of a workload port, from the policies of Istio up to 1.5.
//!
//! A policy for a Service comes before that of the namespace, and that before the mesh policy; an empty policy turns
//! mutual TLS off instead of passing to the next level. Ports are **Service** ports here.

use std::collections::HashMap;

use super::{Decision, Index, ServiceId, WorkloadId};
use crate::mesh::{
    mode::Mode,
    resources::{Metadata, Policy, Resource, Target},
    snapshot::{Release, ServicePort, Snapshot},
    validate::Path,
};

/// The old policies of a snapshot, by whom they are about.
#[derive(Debug, Default)]
pub(super) struct LegacyPolicies {
    mesh: Option<usize>,
    namespaces: HashMap<String, usize>,
    /// By namespace and Service name; oldest first.
    services: HashMap<(String, String), Vec<usize>>,
}

/// An old policy and the level it was found at.
enum Found<'a> {
    Mesh(&'a Resource<Policy>),
    Namespace(&'a Resource<Policy>),
    Service(&'a Resource<Policy>, &'a str),
}

impl LegacyPolicies {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut index = Self::default();
        let oldest = (0..snapshot.mesh_policies.len())
            .min_by(|&a, &b| snapshot.mesh_policies[a].metadata.by_age(&snapshot.mesh_policies[b].metadata));
        index.mesh = oldest;
        let policies = &snapshot.policies;
        let mut by_age: Vec<usize> = (0..policies.len()).collect();
        by_age.sort_by(|&a, &b| policies[a].metadata.by_age(&policies[b].metadata));
        for position in by_age {
            let Resource { metadata, spec } = &policies[position];
            if spec.targets.is_empty() {
                index.namespaces.entry(metadata.namespace.clone()).or_insert(position);
            }
            for target in &spec.targets {
                let service = (metadata.namespace.clone(), target.name.clone());
                index.services.entry(service).or_default().push(position);
            }
        }
        index
    }
}

impl Index {
    /// The mode of a workload port where no PeerAuthentication applies, and why.
    pub(super) fn legacy_mode(&self, workload: WorkloadId, port: u16) -> Decision<Mode> {
        self.legacy_decision(self.workload_policy(workload, port).as_ref())
    }

    /// The mode of a Service port where no PeerAuthentication applies, and why.
    pub(super) fn legacy_service_mode(&self, service: ServiceId, port: &ServicePort) -> Decision<Mode> {
        self.legacy_decision(self.service_policy(service, port).as_ref())
    }

    pub(super) fn quick_legacy_mode(&self, workload: WorkloadId, port: u16) -> Mode {
        match self.workload_policy(workload, port) {
            Some(Found::Mesh(policy) | Found::Namespace(policy) | Found::Service(policy, _)) => policy.spec.mode(),
            None => self.legacy_default(),
        }
    }

    fn legacy_decision(&self, found: Option<&Found<'_>>) -> Decision<Mode> {
        let (policy, scope) = match found {
            Some(Found::Mesh(policy)) => (*policy, "the mesh".to_owned()),
            Some(Found::Namespace(policy)) => (*policy, "the namespace".to_owned()),
            Some(Found::Service(policy, name)) => (*policy, format!("Service {name}")),
            None => {
                let value = self.legacy_default();
                let reason = format!("no policy applies: {value} is the default of this release");
                return Decision { value, by: None, field: None, reasons: vec![reason] };
            }
        };
        let value = policy.spec.mode();
        let reason = format!("{} sets {scope} to {value}", policy.metadata);
        Decision {
            value,
            by: Some(policy.metadata.clone()),
            field: Some(deciding(&policy.spec)),
            reasons: vec![reason],
        }
    }

    fn legacy_default(&self) -> Mode {
        match self.settings().release {
            Release::UpTo1_4 => Mode::Disable,
            Release::Current => Mode::Permissive,
        }
    }

    /// The old policy that would decide on a workload port if no PeerAuthentication applied.
    pub(super) fn old_policy(&self, workload: WorkloadId, port: u16) -> Option<&Metadata> {
        self.workload_policy(workload, port).map(|found| match found {
            Found::Mesh(policy) | Found::Namespace(policy) | Found::Service(policy, _) => &policy.metadata,
        })
    }

    /// The old policies in effect for the whole mesh, and for whole namespaces by name.
    pub(in crate::mesh) fn wide_old_policies(&self) -> (Option<&Resource<Policy>>, Vec<&Resource<Policy>>) {
        let mesh = self.legacy.mesh.map(|position| &self.snapshot().mesh_policies[position]);
        let namespaces = self.legacy.namespaces.values().map(|&position| &self.snapshot().policies[position]);
        let mut namespaces: Vec<_> = namespaces.collect();
        namespaces.sort_by(|a, b| a.metadata.namespace.cmp(&b.metadata.namespace));
        (mesh, namespaces)
    }

    /// The old policy in effect for a Service's own port, and whether it names no ports and so is about all of them.
    pub(in crate::mesh) fn own_old_policy(
        &self,
        id: ServiceId,
        port: &ServicePort,
    ) -> Option<(&Resource<Policy>, bool)> {
        let Some(Found::Service(policy, name)) = self.own_service_policy(id, port) else { return None };
        let mut targets = policy.spec.targets.iter().filter(|target| fits(target, name, port));
        Some((policy, targets.any(|target| target.ports.is_empty())))
    }

    fn workload_policy(&self, workload: WorkloadId, port: u16) -> Option<Found<'_>> {
        let data = self.workload(workload);
        if self.legacy.services.is_empty() {
            return self.wide_policy(&data.namespace);
        }
        let by_service = self.fronts(workload).iter().find_map(|&service| {
            let service_data = self.service(service);
            let mut ports = service_data.ports.iter();
            let leading_here = ports.find(|candidate| service_data.target(candidate, data) == Some(port))?;
            self.own_service_policy(service, leading_here)
        });
        by_service.or_else(|| self.wide_policy(&data.namespace))
    }

    fn service_policy(&self, service: ServiceId, port: &ServicePort) -> Option<Found<'_>> {
        self.own_service_policy(service, port).or_else(|| self.wide_policy(&self.service(service).namespace))
    }

    fn own_service_policy(&self, service: ServiceId, port: &ServicePort) -> Option<Found<'_>> {
        let service = self.service(service);
        let positions = self.legacy.services.get(&(service.namespace.clone(), service.name.clone()))?;
        let mut policies = positions.iter().map(|&position| &self.snapshot().policies[position]);
        let fitting =
            policies.find(|policy| policy.spec.targets.iter().any(|target| fits(target, &service.name, port)));
        fitting.map(|policy| Found::Service(policy, &service.name))
    }

    fn wide_policy(&self, namespace: &str) -> Option<Found<'_>> {
        let own = self.legacy.namespaces.get(namespace).map(|&position| &self.snapshot().policies[position]);
        let mesh = || self.legacy.mesh.map(|position| Found::Mesh(&self.snapshot().mesh_policies[position]));
        own.map(Found::Namespace).or_else(mesh)
    }
}

/// What of an old policy decides: its first method with mtls, or the lack of any.
fn deciding(policy: &Policy) -> Path {
    let peers = Path::of(&["spec", "peers"]);
    let first = policy.peers.iter().position(|peer| peer.mtls.is_some());
    first.map_or(peers.clone(), |position| peers.index(position).key("mtls").key("mode"))
}

fn fits(target: &Target, service: &str, port: &ServicePort) -> bool {
    let named = |selector: &crate::mesh::resources::TargetPortSelector| {
        selector.number == Some(u32::from(port.port)) || selector.name.as_ref().is_some_and(|name| *name == port.name)
    };
    target.name == service && (target.ports.is_empty() || target.ports.iter().any(named))
}
