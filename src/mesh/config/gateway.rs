//! What Gateways say to a gateway's proxy: where it listens, and what it does with whom.

use std::collections::BTreeMap;

use super::routes::Place;
use crate::{
    mesh::{
        policy::{Index, WorkloadId, full_host},
        resources::{GatewayServer, Metadata, ServerTlsMode, ServerTlsSettings, TlsMatch},
        snapshot::contains,
    },
    sidecar::config::{
        CertificateFiles,
        routing::{
            Clients, Listener, ServerCertificate, SniRoute, Termination, TlsAction, TlsServer, VirtualHost,
            host_matches,
        },
    },
};

/// The listeners of a gateway, by the pod's port. Servers of one port are put together, the oldest Gateway's first.
pub(super) fn listeners(index: &Index, workload: WorkloadId) -> Vec<Listener> {
    let proxy = index.workload(workload);
    let mut gateways: Vec<_> = index.snapshot().gateways.iter().collect();
    gateways.retain(|resource| contains(&proxy.labels, &resource.spec.selector));
    gateways.sort_by(|a, b| a.metadata.by_age(&b.metadata));
    let mut listeners: BTreeMap<u16, Listener> = BTreeMap::new();
    for resource in gateways {
        let place = Place { index, proxy, gateway: Some(&resource.metadata) };
        for server in &resource.spec.servers {
            let Ok(number) = u16::try_from(server.port.number) else { continue };
            let port = pod_port(index, workload, number);
            let empty = || Listener { port, number, http: None, tls: Vec::new() };
            Server { place, gateway: &resource.metadata, server }.add(listeners.entry(port).or_insert_with(empty));
        }
    }
    listeners.into_values().filter(|listener| listener.http.is_some() || !listener.tls.is_empty()).collect()
}

/// The pod's port behind a port that clients dial: what a Service before the gateway says, else the same.
fn pod_port(index: &Index, workload: WorkloadId, number: u16) -> u16 {
    let target = index.fronts(workload).iter().find_map(|&service| {
        let service = index.service(service);
        let port = service.ports.iter().find(|port| port.port == number)?;
        service.target(port, index.workload(workload))
    });
    target.unwrap_or(number)
}

/// One server of a Gateway.
struct Server<'a> {
    place: Place<'a>,
    gateway: &'a Metadata,
    server: &'a GatewayServer,
}

impl Server<'_> {
    fn add(&self, listener: &mut Listener) {
        let protocol = self.server.port.protocol.to_ascii_uppercase();
        match (protocol.as_str(), &self.server.tls) {
            ("HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB", settings) => {
                let redirects = settings.as_ref().is_some_and(|settings| settings.https_redirect);
                let hosts = if redirects { self.redirects() } else { self.virtual_hosts() };
                merge(listener.http.get_or_insert_default(), hosts);
            }
            ("HTTPS" | "TLS", Some(settings)) => {
                let action = self.action(settings);
                let hosts = self.patterns().map(|(_, host)| host.to_owned()).collect();
                listener.tls.push(TlsServer { hosts, action });
            }
            _ => {}
        }
    }

    /// The server's hosts, each with the namespace whose VirtualServices may be for it.
    fn patterns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.server.hosts.iter().map(|host| match host.split_once('/') {
            Some((".", host)) => (self.gateway.namespace.as_str(), host),
            Some((namespace, host)) => (namespace, host),
            None => ("*", host.as_str()),
        })
    }

    fn redirects(&self) -> Vec<VirtualHost> {
        let to_https =
            |host: &str| VirtualHost { hosts: vec![host.to_owned()], https_redirect: true, routes: Vec::new() };
        self.patterns().map(|(_, host)| to_https(host)).collect()
    }

    /// The hosts that VirtualServices route here; of two for one host the younger one's routes come later.
    fn virtual_hosts(&self) -> Vec<VirtualHost> {
        let mut hosts = Vec::new();
        for resource in self.place.virtual_services() {
            let namespace = &resource.metadata.namespace;
            let routes = self.place.routes(resource);
            let domain = &self.place.index.settings().cluster_domain;
            for host in resource.spec.hosts.iter().map(|host| full_host(host, namespace, domain)) {
                let common = self.common(namespace, &host).into_iter();
                let routed = |host| VirtualHost { hosts: vec![host], https_redirect: false, routes: routes.clone() };
                merge(&mut hosts, common.map(routed).collect());
            }
        }
        hosts
    }

    /// What the server's hosts have in common with a host of a VirtualService.
    fn common(&self, namespace: &str, host: &str) -> Vec<String> {
        let visible = self.patterns().filter(|(of, _)| *of == "*" || *of == namespace);
        let mut common: Vec<String> = visible.filter_map(|(_, pattern)| intersection(pattern, host)).collect();
        common.sort();
        common.dedup();
        common
    }

    fn action(&self, settings: &ServerTlsSettings) -> TlsAction {
        let clients = match settings.mode {
            ServerTlsMode::AutoPassthrough => return TlsAction::AutoPassthrough,
            ServerTlsMode::Passthrough => return TlsAction::Passthrough(self.server_name_routes()),
            ServerTlsMode::Simple => Clients::Anonymous,
            ServerTlsMode::OptionalMutual => Clients::Optional,
            ServerTlsMode::Mutual | ServerTlsMode::IstioMutual => Clients::Required,
        };
        TlsAction::Terminate(Termination {
            certificate: certificate(settings),
            clients,
            client_names: settings.subject_alt_names.clone(),
            http: self.virtual_hosts(),
        })
    }

    fn server_name_routes(&self) -> Vec<SniRoute> {
        let mut routes = Vec::new();
        for resource in self.place.virtual_services() {
            for route in &resource.spec.tls {
                let here = |wanted: &&TlsMatch| wanted.port.is_none_or(|port| port == self.server.port.number);
                let names = route.matches.iter().filter(here).flat_map(|wanted| &wanted.sni_hosts);
                let hosts: Vec<String> =
                    names.flat_map(|name| self.common(&resource.metadata.namespace, name)).collect();
                if !hosts.is_empty() {
                    let destinations = self.place.destinations(&route.route, &resource.metadata);
                    routes.push(SniRoute { hosts, destinations });
                }
            }
        }
        routes
    }
}

fn certificate(settings: &ServerTlsSettings) -> ServerCertificate {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if settings.mode == ServerTlsMode::IstioMutual {
        return ServerCertificate::Workload;
    }
    match (given(&settings.credential_name), given(&settings.server_certificate), given(&settings.private_key)) {
        (None, Some(certificate), Some(key)) => ServerCertificate::Files {
            own: CertificateFiles { certificate, key },
            roots: given(&settings.ca_certificates),
        },
        (name, ..) => ServerCertificate::Credential(name.unwrap_or_default()),
    }
}

/// Adds hosts to those that are there; the routes of one that is there already come after its own.
fn merge(known: &mut Vec<VirtualHost>, more: Vec<VirtualHost>) {
    for host in more {
        match known.iter_mut().find(|known| known.hosts == host.hosts) {
            Some(known) => known.routes.extend(host.routes),
            None => known.push(host),
        }
    }
}

/// The names that two patterns have in common: the narrower one, if the other holds it.
fn intersection(one: &str, other: &str) -> Option<String> {
    if host_matches(one, other) {
        return Some(other.to_owned());
    }
    host_matches(other, one).then(|| one.to_owned())
}
