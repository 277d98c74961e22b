//! What one sidecar must know, computed from an index of the mesh.
//!
//! Most of it is the same for all clients: a Service port's outbound configuration depends on the client only through
//! the rule that applies, so it is computed once per Service and rule, and kept with the index.

mod credentials;
mod gateway;
mod routes;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::DefaultHasher},
    fmt::Write,
    hash::{Hash, Hasher},
    net::SocketAddr,
    sync::{Arc, RwLock},
};

use super::{
    policy::{Index, Plan, RuleId, ServiceId, Target, WorkloadId},
    resources::{ClientTlsMode, ClientTlsSettings},
    snapshot::{Role, Service, ServicePort, Workload, contains},
};
use crate::sidecar::config::{
    CertificateFiles, ClientTls, Endpoint, Inbound, InboundPort, OutboundPort, Protocol, ProxyConfig, Routing,
    routing::Destination,
};

/// Outbound configurations that were computed before.
#[derive(Debug, Default)]
pub(crate) struct Cache(RwLock<HashMap<Key, Arc<Shared>>>);

/// All that an outbound configuration depends on: the Service, the rule, and whether the client is a gateway.
type Key = (ServiceId, Option<RuleId>, bool);

/// The outbound ports of a Service, and a digest of them.
#[derive(Debug)]
struct Shared {
    ports: Vec<OutboundPort>,
    digest: u64,
}

/// The configuration of a workload's sidecar.
///
/// Its version is a digest of its contents: equal configurations have equal versions.
pub fn proxy_config(index: &Index, workload: WorkloadId) -> ProxyConfig {
    let data = index.workload(workload);
    let mut digest = DefaultHasher::new();
    let mut outbound = Vec::with_capacity(index.services().len());
    for service in index.services() {
        if !index.service(service).visible_to(&data.namespace) {
            continue;
        }
        let near = index.service(service).namespace == data.namespace;
        let shared = shared(index, service, data);
        (shared.digest, near).hash(&mut digest);
        outbound.extend(shared.ports.iter().cloned().map(|mut port| {
            if near {
                port.aliases.push(index.service(service).name.clone());
            }
            port
        }));
    }
    let inbound = inbound(index, workload);
    let trust_domains: Vec<String> = index.settings().trust_domains().map(str::to_owned).collect();
    let mut routing = routing(index, workload);
    let subsets = subsets(index, data, &routing);
    routing.credentials = credentials::of(index, data, &routing.listeners, outbound.iter().chain(&subsets));
    hash_debug(&mut digest, &(&inbound, &trust_domains, &routing, &subsets));
    // What they look like does not tell one key from another.
    routing.credentials.hash(&mut digest);
    outbound.extend(subsets);
    ProxyConfig { version: format!("{:016x}", digest.finish()), trust_domains, inbound, outbound, routing }
}

fn routing(index: &Index, workload: WorkloadId) -> Routing {
    let data = index.workload(workload);
    match data.role {
        Role::Gateway => Routing { listeners: gateway::listeners(index, workload), ..Routing::default() },
        Role::Sidecar => Routing { hosts: routes::of_sidecar(index, data), ..Routing::default() },
    }
}

/// The parts of Services that a proxy's routes lead to.
fn subsets(index: &Index, client: &Workload, routing: &Routing) -> Vec<OutboundPort> {
    let named: BTreeSet<&Destination> =
        routing.destinations().filter(|destination| destination.subset.is_some()).collect();
    let mut subsets = Vec::new();
    for destination in named {
        let Some(service) = index.find_service(&client.namespace, &destination.host) else { continue };
        let rule = index.select_rule(client, service);
        let ports = &index.service(service).ports;
        for port in ports.iter().filter(|port| destination.port.is_none_or(|number| number == port.port)) {
            subsets.push(outbound_port(index, service, port, destination.subset.as_deref(), rule, client.role));
        }
    }
    subsets
}

fn inbound(index: &Index, workload: WorkloadId) -> Inbound {
    let data = index.workload(workload);
    let port = |number: u16| {
        let protocol = index.inbound_protocol(workload, number);
        (number, InboundPort { mode: index.mode(workload, number), protocol })
    };
    let numbers = index.inbound_ports(workload).into_iter();
    let ports: BTreeMap<u16, InboundPort> = numbers.filter(|&number| data.intercepts(number)).map(port).collect();
    // No port is numbered 0: this is the mode of all that nobody names.
    Inbound { mode: index.mode(workload, 0), ports }
}

fn shared(index: &Index, service: ServiceId, client: &Workload) -> Arc<Shared> {
    let rule = index.select_rule(client, service);
    let key = (service, rule, client.role == Role::Gateway);
    if let Some(shared) = index.outbound.0.read().expect("no writer panics").get(&key) {
        return Arc::clone(shared);
    }
    let data = index.service(service);
    let ports: Vec<OutboundPort> =
        data.ports.iter().map(|port| outbound_port(index, service, port, None, rule, client.role)).collect();
    let mut digest = DefaultHasher::new();
    hash_debug(&mut digest, &ports);
    let shared = Arc::new(Shared { ports, digest: digest.finish() });
    index.outbound.0.write().expect("no writer panics").insert(key, Arc::clone(&shared));
    shared
}

/// A Service port, or a subset of it. A subset that the rule does not have has no endpoints.
fn outbound_port(
    index: &Index,
    id: ServiceId,
    port: &ServicePort,
    subset: Option<&str>,
    rule: Option<RuleId>,
    role: Role,
) -> OutboundPort {
    let service = index.service(id);
    let target = Target { service: id, port: port.port, subset };
    let labels = subset.map(|name| rule.and_then(|rule| index.rule(rule).subset(name)).map(|subset| &subset.labels));
    let plan = index.plan(role, rule, target);
    let tls = match &plan {
        Plan::Explicit(settings) => client_tls(index, target, settings),
        Plan::Plaintext(..) => ClientTls::Disable,
        Plan::Automatic(_) | Plan::AutomaticMutual(_) => {
            ClientTls::IstioMutual { sni: index.server_name(target), sans: index.accounts(id).to_vec() }
        }
    };
    let endpoints = index.endpoints(id).iter().filter_map(|&workload| {
        let data = index.workload(workload);
        if labels.is_some_and(|labels| labels.is_none_or(|labels| !contains(&data.labels, labels))) {
            return None;
        }
        let number = service.target(port, data)?;
        let address = SocketAddr::new(data.address.filter(|_| data.ready)?, number);
        let tls = match plan {
            Plan::Automatic(mark) => index.endpoint_mutual_quick(mark, workload, number),
            Plan::AutomaticMutual(_) => true,
            Plan::Explicit(settings) => settings.mode != ClientTlsMode::Disable,
            Plan::Plaintext(..) => false,
        };
        Some(Endpoint { address, tls, workload: Some(data.controller.clone()) })
    });
    OutboundPort {
        host: service.host.clone(),
        subset: subset.map(str::to_owned),
        aliases: aliases(index, service),
        addresses: service.addresses.clone(),
        port: port.port,
        protocol: port.protocol,
        tls,
        endpoints: endpoints.collect(),
    }
}

/// The shorter names that clients of any namespace may use.
fn aliases(index: &Index, service: &Service) -> Vec<String> {
    let short = format!("{}.{}", service.name, service.namespace);
    match service.host.strip_prefix(&short) {
        Some(rest) if rest.strip_prefix(".svc.").is_some_and(|domain| domain == index.settings().cluster_domain) => {
            vec![format!("{short}.svc"), short]
        }
        _ => Vec::new(),
    }
}

fn client_tls(index: &Index, target: Target<'_>, settings: &ClientTlsSettings) -> ClientTls {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match settings.mode {
        ClientTlsMode::Disable => ClientTls::Disable,
        ClientTlsMode::IstioMutual => ClientTls::IstioMutual {
            sni: given(&settings.sni).unwrap_or_else(|| index.server_name(target)),
            sans: match settings.subject_alt_names.is_empty() {
                true => index.accounts(target.service).to_vec(),
                false => settings.subject_alt_names.clone(),
            },
        },
        ClientTlsMode::Mutual | ClientTlsMode::Simple => ClientTls::Files {
            sni: given(&settings.sni),
            sans: settings.subject_alt_names.clone(),
            ca_certificates: given(&settings.ca_certificates),
            client_certificate: client_certificate(settings),
            mutual: settings.mode == ClientTlsMode::Mutual,
            insecure_skip_verify: settings.insecure_skip_verify.unwrap_or_default(),
            credential_name: given(&settings.credential_name),
        },
    }
}

fn client_certificate(settings: &ClientTlsSettings) -> Option<CertificateFiles> {
    let wanted = settings.mode == ClientTlsMode::Mutual;
    let certificate = settings.client_certificate.clone().filter(|_| wanted)?;
    Some(CertificateFiles { certificate, key: settings.private_key.clone()? })
}

/// Hashes what something looks like, which covers every field it has or will have.
fn hash_debug(hasher: &mut DefaultHasher, value: &impl std::fmt::Debug) {
    struct Writer<'a>(&'a mut DefaultHasher);
    impl Write for Writer<'_> {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    write!(Writer(hasher), "{value:?}").expect("hashing does not fail");
}

impl Index {
    /// What is spoken on a workload port: what a Service says of it; looked at the first bytes where none does.
    pub fn inbound_protocol(&self, workload: WorkloadId, port: u16) -> Protocol {
        let data = self.workload(workload);
        let mut fronts = self.fronts(workload).iter().map(|&service| self.service(service));
        let named = fronts.find_map(|service| {
            let mut ports = service.ports.iter();
            ports.find(|candidate| service.target(candidate, data) == Some(port)).map(|candidate| candidate.protocol)
        });
        named.unwrap_or_default()
    }
}
