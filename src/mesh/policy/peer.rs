//! The server mode of a workload port, from PeerAuthentications.
//!
//! Per level (workload, namespace, mesh) the oldest policy alone counts; what it leaves unset passes to the next wider level.

use std::collections::HashMap;

use super::{Decision, Index, WorkloadId};
use crate::mesh::{
    mode::Mode,
    resources::{Metadata, PeerAuthentication, Resource},
    snapshot::{Release, Snapshot, Workload, contains, required},
    validate::Path,
};

/// The PeerAuthentications of a snapshot, by whom they are about.
#[derive(Debug, Default)]
pub(super) struct PeerPolicies {
    mesh: Option<usize>,
    namespaces: HashMap<String, usize>,
    /// By namespace and the first label of the selector; oldest first.
    workloads: HashMap<String, HashMap<(String, String), Vec<usize>>>,
    /// The place of every policy when all are ordered by age.
    age: Vec<usize>,
}

/// The one policy per level that counts for a workload: positions among the snapshot's PeerAuthentications.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Levels {
    pub(super) workload: Option<usize>,
    pub(super) namespace: Option<usize>,
    pub(super) mesh: Option<usize>,
}

impl Levels {
    /// Whether any policy is about the workload.
    pub(super) fn any(self) -> bool {
        self.narrow_to_wide().next().is_some()
    }

    fn narrow_to_wide(self) -> impl Iterator<Item = usize> {
        [self.workload, self.namespace, self.mesh].into_iter().flatten()
    }
}

impl PeerPolicies {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let policies = &snapshot.peer_authentications;
        let mut by_age: Vec<usize> = (0..policies.len()).collect();
        by_age.sort_by(|&a, &b| policies[a].metadata.by_age(&policies[b].metadata));
        let mut index = Self { age: vec![0; policies.len()], ..Self::default() };
        if snapshot.settings.release == Release::UpTo1_4 {
            return index;
        }
        for (age, position) in by_age.into_iter().enumerate() {
            index.age[position] = age;
            index.insert(snapshot, position);
        }
        index
    }

    /// Adds a policy; those added before are older.
    fn insert(&mut self, snapshot: &Snapshot, position: usize) {
        let Resource { metadata, spec } = &snapshot.peer_authentications[position];
        let in_root = metadata.namespace == snapshot.settings.root_namespace;
        match required(spec.selector.as_ref()).and_then(|labels| labels.first_key_value()) {
            // A selector in the root namespace has no effect anywhere, not even there.
            Some(_) if in_root => {}
            Some((key, value)) => {
                let namespace = self.workloads.entry(metadata.namespace.clone()).or_default();
                namespace.entry((key.clone(), value.clone())).or_default().push(position);
            }
            None if in_root => {
                self.mesh.get_or_insert(position);
            }
            None => {
                self.namespaces.entry(metadata.namespace.clone()).or_insert(position);
            }
        }
    }

    /// The policies that count for a workload.
    pub(super) fn levels(&self, snapshot: &Snapshot, workload: &Workload) -> Levels {
        let selected = self.workloads.get(&workload.namespace).and_then(|by_label| {
            let candidates =
                workload.labels.iter().filter_map(|(key, value)| by_label.get(&(key.clone(), value.clone())));
            let matching = candidates.filter_map(|positions| {
                positions.iter().copied().find(|&position| {
                    let selector = snapshot.peer_authentications[position].spec.selector.as_ref();
                    required(selector).is_some_and(|labels| contains(&workload.labels, labels))
                })
            });
            matching.min_by_key(|&position| self.age[position])
        });
        Levels { workload: selected, ..self.wide_levels(&workload.namespace) }
    }

    /// The policies that count for a namespace as a whole.
    pub(super) fn wide_levels(&self, namespace: &str) -> Levels {
        Levels { workload: None, namespace: self.namespaces.get(namespace).copied(), mesh: self.mesh }
    }
}

impl Index {
    /// The mode that the sidecar of a workload enforces on a port, and why; `None` if no sidecar takes that port.
    pub fn server_mode(&self, workload: WorkloadId, port: u16) -> Option<Decision<Mode>> {
        self.workload(workload).intercepts(port).then(|| self.policy_mode(workload, port))
    }

    /// The mode that the policies give to a workload port, whether or not a sidecar is there to enforce it.
    pub(super) fn policy_mode(&self, workload: WorkloadId, port: u16) -> Decision<Mode> {
        let levels = self.levels[workload.0];
        if !levels.any() {
            return self.legacy_mode(workload, port);
        }
        let ignored = self.old_policy(workload, port);
        let mut reasons: Vec<String> = ignored
            .map(|policy| format!("{policy} is of the old API: ignored where a PeerAuthentication applies"))
            .into_iter()
            .collect();
        if let Some(resource) = levels.workload.map(|position| self.peer_authentication(position)) {
            match resource.spec.port_mode(port) {
                Some(mode) => {
                    reasons.push(format!("{} sets port {port} to {mode}", resource.metadata));
                    let field = Path::of(&["spec", "portLevelMtls", &port.to_string(), "mode"]);
                    return Decision { value: mode, by: Some(resource.metadata.clone()), field: Some(field), reasons };
                }
                None if resource.spec.port_level_mtls.contains_key(&port) => {
                    reasons.push(format!("{} leaves port {port} unset: the workload's mode holds", resource.metadata));
                }
                None => {}
            }
        }
        self.wide_mode(levels, reasons)
    }

    /// The mode of a whole workload, namespace or mesh.
    fn wide_mode(&self, levels: Levels, mut reasons: Vec<String>) -> Decision<Mode> {
        for (level, position) in [("workload", levels.workload), ("namespace", levels.namespace), ("mesh", levels.mesh)]
        {
            let Some(resource) = position.map(|position| self.peer_authentication(position)) else { continue };
            match resource.spec.mode() {
                Some(mode) => {
                    reasons.push(format!("{} sets the {level} to {mode}", resource.metadata));
                    let field = Some(Path::of(&["spec", "mtls", "mode"]));
                    return Decision { value: mode, by: Some(resource.metadata.clone()), field, reasons };
                }
                None => reasons.push(format!("{} leaves the {level} unset", resource.metadata)),
            }
        }
        reasons.push("no policy sets a mode: PERMISSIVE".to_owned());
        Decision { value: Mode::Permissive, by: None, field: None, reasons }
    }

    /// The mode of a namespace as auto mTLS clients see it: workload policies are not read.
    pub(super) fn namespace_mode(&self, namespace: &str) -> Option<Decision<Mode>> {
        let levels = self.peer.wide_levels(namespace);
        levels.any().then(|| self.wide_mode(levels, Vec::new()))
    }

    /// Whether a PeerAuthentication is about a whole namespace, or about the mesh.
    pub(in crate::mesh) fn has_wide_peer_authentication(&self, namespace: &str) -> bool {
        self.peer.wide_levels(namespace).any()
    }

    /// The mode alone, without a word of explanation.
    pub(crate) fn mode(&self, workload: WorkloadId, port: u16) -> Mode {
        let levels = self.levels[workload.0];
        if !levels.any() {
            return self.quick_legacy_mode(workload, port);
        }
        let at_port = levels.workload.and_then(|position| self.peer_authentication(position).spec.port_mode(port));
        at_port.unwrap_or_else(|| self.workload_mode(workload))
    }

    /// The mode of a workload's ports that no policy names.
    pub(crate) fn workload_mode(&self, workload: WorkloadId) -> Mode {
        let levels = self.levels[workload.0];
        let set = levels.narrow_to_wide().find_map(|position| self.peer_authentication(position).spec.mode());
        set.unwrap_or(Mode::Permissive)
    }

    /// The workload ports that the workload's own policy names.
    pub(crate) fn policy_ports(&self, workload: WorkloadId) -> impl Iterator<Item = u16> {
        let policy = self.levels[workload.0].workload.map(|position| self.peer_authentication(position));
        policy.into_iter().flat_map(|resource| resource.spec.port_level_mtls.keys().copied())
    }

    /// The PeerAuthentications that took part in a workload's mode, narrow to wide.
    pub fn peer_authentications(&self, workload: WorkloadId) -> impl Iterator<Item = &Metadata> {
        self.levels[workload.0].narrow_to_wide().map(|position| &self.peer_authentication(position).metadata)
    }

    fn peer_authentication(&self, position: usize) -> &Resource<PeerAuthentication> {
        &self.snapshot().peer_authentications[position]
    }
}
