//! From Policy and MeshPolicy of the old API to the PeerAuthentications that mean the same.
//!
//! A pure function of a mesh. It does not believe itself: what every workload accepts and every client sees is resolved
//! before and after, and what differs is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    explain::report::{Pair, explain},
    mode::Mode,
    policy::{Index, ServiceId},
    registry::Registry,
    resources::Metadata,
    snapshot::{Service, ServicePort, Snapshot, TargetPort},
};

/// What takes the place of old policies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Migration {
    /// The new resources, wide to narrow.
    pub replacements: Vec<Replacement>,
    /// Old policies that nothing takes the place of, because nobody reads them.
    pub ignored: Vec<Metadata>,
    /// What would be otherwise afterwards, in words.
    pub differences: Vec<String>,
}

/// A new resource and what it replaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Replacement {
    /// The PeerAuthentication.
    pub object: Value,
    /// The old policies whose meaning it has.
    pub was: Vec<Metadata>,
}

/// A policy whose meaning cannot be said in the new API without knowing more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MigrateError {
    /// The number of a port is not known.
    #[error(
        "Service {namespace}/{service} sends port {port} to the container port `{name}`, and no pod says its number"
    )]
    PortName {
        /// The Service's namespace.
        namespace: String,
        /// The Service.
        service: String,
        /// The Service port.
        port: u16,
        /// The name.
        name: String,
    },
    /// The pods behind a target are not known.
    #[error("{policy} is about Service {service}, which is in none of the files")]
    Service {
        /// The policy, with its place.
        policy: String,
        /// The Service it names.
        service: String,
    },
}

impl MigrateError {
    /// What the reader can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::PortName { .. } => "give the manifest of its Deployment as well".to_owned(),
            Self::Service { .. } => "a PeerAuthentication names pods by their labels, which the Service's selector \
                 has: give its manifest as well"
                .to_owned(),
        }
    }
}

/// What one Service's old policies say of its ports.
#[derive(Default)]
struct OfService {
    /// The mode of all ports that `ports` does not have.
    all: Option<Mode>,
    /// By workload port.
    ports: BTreeMap<u16, Mode>,
    was: Vec<Metadata>,
}

/// Says in the new API what the old policies of a mesh mean.
///
/// # Errors
/// Everything that would have to be known besides.
pub fn migrate(snapshot: &Snapshot) -> Result<Migration, Vec<MigrateError>> {
    let index = Index::new(snapshot.clone());
    let mut migration = Migration::default();
    wide(&index, &mut migration);
    narrow(&index, &mut migration)?;
    migration.differences = differences(&index, &migration.replacements);
    Ok(migration)
}

/// The policies for the whole mesh and for whole namespaces; of several, the oldest.
fn wide(index: &Index, migration: &mut Migration) {
    let snapshot = index.snapshot();
    let (mesh, namespaces) = index.wide_old_policies();
    for policy in mesh.into_iter().chain(namespaces) {
        let root = &index.settings().root_namespace;
        let namespace = Some(&policy.metadata.namespace).filter(|namespace| !namespace.is_empty()).unwrap_or(root);
        if index.has_wide_peer_authentication(namespace) {
            migration.ignored.push(policy.metadata.clone());
            continue;
        }
        let spec = json!({ "mtls": { "mode": policy.spec.mode() } });
        let name = free_name(snapshot, namespace, "default");
        migration.replacements.push(Replacement {
            object: peer_authentication(namespace, &name, &spec),
            was: vec![policy.metadata.clone()],
        });
    }
}

/// The policies for single Services: all that are about one Service become one, because of several only one would count.
fn narrow(index: &Index, migration: &mut Migration) -> Result<(), Vec<MigrateError>> {
    let mut errors = Vec::new();
    let targeted = index.snapshot().policies.iter().flat_map(|policy| {
        policy.spec.targets.iter().map(move |target| (policy.metadata.namespace.clone(), target.name.clone(), policy))
    });
    let mut seen = BTreeSet::new();
    for (namespace, name, policy) in targeted {
        if !seen.insert((namespace.clone(), name.clone())) {
            continue;
        }
        let service = index.services().find(|&id| {
            let service = index.service(id);
            (&service.namespace, &service.name) == (&namespace, &name)
        });
        let Some(service) = service.filter(|&id| !index.service(id).selector.is_empty()) else {
            let policy = policy.metadata.to_string();
            errors.push(MigrateError::Service { policy, service: format!("{namespace}/{name}") });
            continue;
        };
        match of_service(index, service) {
            Ok(found) => replace(index, service, found, migration),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn replace(index: &Index, id: ServiceId, found: OfService, migration: &mut Migration) {
    let service = index.service(id);
    let endpoints = index.endpoints(id);
    let superseded = index.has_wide_peer_authentication(&service.namespace)
        || !endpoints.is_empty() && endpoints.iter().all(|&id| index.peer_authentications(id).next().is_some());
    if superseded {
        migration.ignored.extend(found.was);
        return;
    }
    let mut spec = json!({ "selector": { "matchLabels": service.selector } });
    if let Some(mode) = found.all {
        spec["mtls"] = json!({ "mode": mode });
    }
    let others: BTreeMap<String, Value> = found
        .ports
        .iter()
        .filter(|(_, mode)| Some(**mode) != found.all)
        .map(|(port, mode)| (port.to_string(), json!({ "mode": mode })))
        .collect();
    if !others.is_empty() {
        spec["portLevelMtls"] = json!(others);
    }
    let name = free_name(index.snapshot(), &service.namespace, &service.name);
    let object = peer_authentication(&service.namespace, &name, &spec);
    migration.replacements.push(Replacement { object, was: found.was });
}

/// What the old policies say of a Service, port by port as they were resolved.
fn of_service(index: &Index, id: ServiceId) -> Result<OfService, MigrateError> {
    let service = index.service(id);
    let mut found = OfService::default();
    for port in &service.ports {
        let Some((policy, whole)) = index.own_old_policy(id, port) else { continue };
        let mode = policy.spec.mode();
        if !found.was.contains(&policy.metadata) {
            found.was.push(policy.metadata.clone());
        }
        if whole {
            found.all = Some(mode);
        }
        for number in workload_ports(index, id, service, port)? {
            found.ports.insert(number, mode);
        }
    }
    Ok(found)
}

/// The workload ports behind a Service port.
fn workload_ports(
    index: &Index,
    id: ServiceId,
    service: &Service,
    port: &ServicePort,
) -> Result<BTreeSet<u16>, MigrateError> {
    let at_pods = index.endpoints(id).iter().filter_map(|&workload| service.target(port, index.workload(workload)));
    let mut numbers: BTreeSet<u16> = at_pods.collect();
    match &port.target {
        TargetPort::Number(number) => {
            numbers.insert(*number);
        }
        TargetPort::Name(name) if numbers.is_empty() => {
            return Err(MigrateError::PortName {
                namespace: service.namespace.clone(),
                service: service.name.clone(),
                port: port.port,
                name: name.clone(),
            });
        }
        TargetPort::Name(_) => {}
    }
    Ok(numbers)
}

fn peer_authentication(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": { "name": name, "namespace": namespace },
        "spec": spec,
    })
}

/// A name that no PeerAuthentication of the namespace has.
fn free_name(snapshot: &Snapshot, namespace: &str, wanted: &str) -> String {
    let taken = |name: &str| {
        let mut all = snapshot.peer_authentications.iter().map(|resource| &resource.metadata);
        all.any(|metadata| metadata.namespace == namespace && metadata.name == name)
    };
    if taken(wanted) { format!("{wanted}-migrated") } else { wanted.to_owned() }
}

/// What would be otherwise if the replacements took the place of the old policies.
fn differences(before: &Index, replacements: &[Replacement]) -> Vec<String> {
    let mut snapshot = before.snapshot().clone();
    snapshot.policies.clear();
    snapshot.mesh_policies.clear();
    let mut registry = Registry::over(snapshot);
    for replacement in replacements {
        registry.add(&replacement.object, None).expect("it was made by this module");
    }
    let after = Index::new(registry.finish());
    modes(before, &after).chain(sights(before, &after)).collect()
}

/// Ports that nobody names are left out: a Service's policy was never about them, a workload's policy is.
fn modes<'a>(before: &'a Index, after: &'a Index) -> impl Iterator<Item = String> + 'a {
    before.workloads().flat_map(move |id| {
        let workload = before.workload(id);
        let ports = before.inbound_ports(id).into_iter().filter(|&port| workload.intercepts(port));
        ports.filter_map(move |port| {
            let (old, new) = (before.mode(id, port), after.mode(id, port));
            let who = format!("{}.{}", workload.name, workload.namespace);
            (old != new).then(|| format!("{who}: port {port} is {old}, and would be {new}"))
        })
    })
}

fn sights(before: &Index, after: &Index) -> impl Iterator<Item = String> {
    let (old, new) = (explain(before).verdicts, explain(after).verdicts);
    let key = |pair: &Pair| (pair.from.clone(), pair.host.clone(), pair.port, pair.endpoints.clone());
    let later: BTreeMap<_, String> = new.iter().map(|pair| (key(pair), pair.verdict.clone())).collect();
    old.into_iter().filter_map(move |pair| {
        let seen = later.get(&key(&pair)).cloned().unwrap_or_else(|| "something else".to_owned());
        let Pair { from, host, port, verdict, .. } = pair;
        (verdict != seen).then(|| format!("{from} to {host}:{port} sees {verdict}, and would see {seen}"))
    })
}
