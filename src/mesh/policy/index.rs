//! A snapshot made quick to ask: built once, then shared by all questions about it.

use std::{collections::HashMap, sync::Arc};

use super::{
    destination::{RuleId, Rules},
    legacy::LegacyPolicies,
    peer::{Levels, PeerPolicies},
};
use crate::mesh::snapshot::{Labels, Service, Settings, Snapshot, Workload};

/// A workload of an [`Index`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WorkloadId(pub(super) usize);

/// A Service of an [`Index`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ServiceId(pub(super) usize);

/// A snapshot and what is the same for every question about it.
#[derive(Debug)]
pub struct Index {
    snapshot: Arc<Snapshot>,
    workloads: HashMap<String, HashMap<String, WorkloadId>>,
    hosts: HashMap<String, Vec<ServiceId>>,
    services: Vec<ServiceFacts>,
    fronts: Vec<Vec<ServiceId>>,
    pub(super) peer: PeerPolicies,
    pub(super) legacy: LegacyPolicies,
    pub(super) levels: Vec<Levels>,
    pub(super) rules: Rules,
    pub(crate) outbound: crate::mesh::config::Cache,
}

/// What is the same for all clients of a Service.
#[derive(Debug)]
pub(super) struct ServiceFacts {
    /// The pods behind it.
    pub(super) endpoints: Vec<WorkloadId>,
    /// The identities they may prove to be; sorted.
    pub(super) accounts: Vec<String>,
    /// The rules of its own namespace that other clients may see, for its host.
    pub(super) own_rules: Vec<RuleId>,
    /// The rules of the root namespace that other clients may see, for its host.
    pub(super) root_rules: Vec<RuleId>,
}

impl Index {
    /// Indexes a snapshot.
    pub fn new(snapshot: impl Into<Arc<Snapshot>>) -> Self {
        let snapshot = snapshot.into();
        let peer = PeerPolicies::new(&snapshot);
        let legacy = LegacyPolicies::new(&snapshot);
        let rules = Rules::new(&snapshot);
        let levels = snapshot.workloads.iter().map(|workload| peer.levels(&snapshot, workload)).collect();
        let mut workloads: HashMap<_, HashMap<_, _>> = HashMap::new();
        for (position, workload) in snapshot.workloads.iter().enumerate() {
            let named = workloads.entry(workload.namespace.clone()).or_default();
            named.entry(workload.name.clone()).or_insert(WorkloadId(position));
        }
        let mut hosts: HashMap<_, Vec<_>> = HashMap::new();
        for (position, service) in snapshot.services.iter().enumerate() {
            hosts.entry(service.host.clone()).or_default().push(ServiceId(position));
        }
        let services = service_facts(&snapshot, &rules);
        let fronts = fronts(&snapshot, &services);
        let outbound = crate::mesh::config::Cache::default();
        Self { snapshot, workloads, hosts, services, fronts, peer, legacy, levels, rules, outbound }
    }

    /// What was indexed.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// How the mesh as a whole is set up.
    pub fn settings(&self) -> &Settings {
        &self.snapshot.settings
    }

    /// Finds a workload by namespace and name.
    pub fn find_workload(&self, namespace: &str, name: &str) -> Option<WorkloadId> {
        self.workloads.get(namespace)?.get(name).copied()
    }

    /// Finds the Service that a client of `namespace` means by a name: the full host, or a shorter form of it.
    pub fn find_service(&self, namespace: &str, name: &str) -> Option<ServiceId> {
        let domain = &self.settings().cluster_domain;
        let name = name.trim_end_matches('.');
        let candidates: [&[&str]; 4] =
            [&[name], &[name, ".", namespace, ".svc.", domain], &[name, ".svc.", domain], &[name, ".", domain]];
        candidates.iter().find_map(|parts| {
            let found = self.hosts.get(&parts.concat())?;
            found.iter().copied().find(|&service| self.service(service).visible_to(namespace))
        })
    }

    /// A workload's data.
    pub fn workload(&self, id: WorkloadId) -> &Workload {
        &self.snapshot.workloads[id.0]
    }

    /// A Service's data.
    pub fn service(&self, id: ServiceId) -> &Service {
        &self.snapshot.services[id.0]
    }

    /// All workloads, in the snapshot's order.
    pub fn workloads(&self) -> impl ExactSizeIterator<Item = WorkloadId> + use<> {
        (0..self.snapshot.workloads.len()).map(WorkloadId)
    }

    /// All Services, in the snapshot's order.
    pub fn services(&self) -> impl ExactSizeIterator<Item = ServiceId> + use<> {
        (0..self.snapshot.services.len()).map(ServiceId)
    }

    /// The pods behind a Service, ready or not.
    pub fn endpoints(&self, service: ServiceId) -> &[WorkloadId] {
        &self.services[service.0].endpoints
    }

    /// The Services that a workload stands behind.
    pub fn fronts(&self, workload: WorkloadId) -> &[ServiceId] {
        &self.fronts[workload.0]
    }

    /// The identities that pods of a Service may prove to be, with every trust domain alias, sorted.
    pub fn accounts(&self, service: ServiceId) -> &[String] {
        &self.services[service.0].accounts
    }

    pub(super) fn facts(&self, service: ServiceId) -> &ServiceFacts {
        &self.services[service.0]
    }
}

fn service_facts(snapshot: &Snapshot, rules: &Rules) -> Vec<ServiceFacts> {
    let by_label = LabelIndex::new(&snapshot.workloads);
    let facts = snapshot.services.iter().map(|service| {
        let endpoints = by_label.select(snapshot, service);
        ServiceFacts {
            accounts: accounts(snapshot, &endpoints),
            endpoints,
            own_rules: rules.exported(&service.namespace, &service.host),
            root_rules: rules.exported(&snapshot.settings.root_namespace, &service.host),
        }
    });
    facts.collect()
}

fn fronts(snapshot: &Snapshot, services: &[ServiceFacts]) -> Vec<Vec<ServiceId>> {
    let mut fronts = vec![Vec::new(); snapshot.workloads.len()];
    for (position, facts) in services.iter().enumerate() {
        for workload in &facts.endpoints {
            fronts[workload.0].push(ServiceId(position));
        }
    }
    fronts
}

fn accounts(snapshot: &Snapshot, endpoints: &[WorkloadId]) -> Vec<String> {
    let mut owners: Vec<(&str, &str)> = endpoints
        .iter()
        .map(|id| &snapshot.workloads[id.0])
        .map(|workload| (workload.namespace.as_str(), workload.service_account.as_str()))
        .collect();
    owners.sort_unstable();
    owners.dedup();
    let mut names: Vec<String> = owners
        .into_iter()
        .flat_map(|(namespace, account)| {
            let identity = move |domain: &str| crate::mesh::identity::SpiffeId::new(domain, namespace, account);
            snapshot.settings.trust_domains().map(move |domain| identity(domain).to_string())
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Workloads by namespace and one of their labels.
struct LabelIndex<'a>(HashMap<(&'a str, &'a str, &'a str), Vec<WorkloadId>>);

impl<'a> LabelIndex<'a> {
    fn new(workloads: &'a [Workload]) -> Self {
        let mut index: HashMap<_, Vec<_>> = HashMap::new();
        for (position, workload) in workloads.iter().enumerate() {
            for (key, value) in &workload.labels {
                let label = (workload.namespace.as_str(), key.as_str(), value.as_str());
                index.entry(label).or_default().push(WorkloadId(position));
            }
        }
        Self(index)
    }

    /// The workloads behind a Service: looks at those that share the rarest label of its selector.
    fn select(&self, snapshot: &Snapshot, service: &Service) -> Vec<WorkloadId> {
        let selector: &Labels = &service.selector;
        let rarest = selector
            .iter()
            .map(|(key, value)| {
                self.0.get(&(service.namespace.as_str(), key.as_str(), value.as_str())).map_or(&[][..], Vec::as_slice)
            })
            .min_by_key(|workloads| workloads.len());
        rarest.unwrap_or_default().iter().copied().filter(|id| service.selects(&snapshot.workloads[id.0])).collect()
    }
}
