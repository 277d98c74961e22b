//! Everything that policy resolution looks at, as plain data, frozen at one moment.
//!
//! [`super::registry`] fills it from Kubernetes objects; [`super::policy`] reads it. Nothing here knows where it came from.

use std::{collections::BTreeMap, net::IpAddr};

use super::{
    identity::SpiffeId,
    inject::Decision,
    resources::{
        DestinationRule, Gateway, Kind, MeshPolicy, Metadata, PeerAuthentication, Policy, Resource, Selector,
        VirtualService,
    },
};
use crate::sidecar::config::{Protocol, routing::Credential};

/// Labels or annotations of an object.
pub type Labels = BTreeMap<String, String>;

/// A mesh at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// How the mesh as a whole is set up.
    pub settings: Settings,
    /// Who can be called by name.
    pub services: Vec<Service>,
    /// Who calls and is called.
    pub workloads: Vec<Workload>,
    /// What servers accept.
    pub peer_authentications: Vec<Resource<PeerAuthentication>>,
    /// How clients call.
    pub destination_rules: Vec<Resource<DestinationRule>>,
    /// What gateways listen to.
    pub gateways: Vec<Resource<Gateway>>,
    /// Where gateways send it.
    pub virtual_services: Vec<Resource<VirtualService>>,
    /// What servers accept, in the old API, per namespace or Service.
    pub policies: Vec<Resource<Policy>>,
    /// What servers accept, in the old API, everywhere.
    pub mesh_policies: Vec<Resource<MeshPolicy>>,
    /// Secrets, as far as they hold certificates, by namespace and name.
    pub credentials: BTreeMap<(String, String), Secret>,
}

/// A Secret, as far as it holds a certificate, a key or roots.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Secret {
    /// What it holds.
    pub credential: Credential,
    /// The server's name for this very object; empty offline.
    pub uid: String,
    /// The server's name for this state of it; empty offline.
    pub version: String,
}

/// How the mesh as a whole is set up (Istio's mesh configuration).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Where mesh-wide policies live.
    pub root_namespace: String,
    /// The first part of every identity.
    pub trust_domain: String,
    /// Trust domains that count as our own.
    pub trust_domain_aliases: Vec<String>,
    /// The domain of Service names.
    pub cluster_domain: String,
    /// Whether clients use mutual TLS on their own towards servers that can.
    pub enable_auto_mtls: bool,
    /// Whose defaults hold where no policy says anything.
    pub release: Release,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root_namespace: "istio-system".to_owned(),
            trust_domain: "cluster.local".to_owned(),
            trust_domain_aliases: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
            enable_auto_mtls: true,
            release: Release::Current,
        }
    }
}

impl Settings {
    /// The identity of a service account of this mesh.
    pub fn identity(&self, namespace: &str, service_account: &str) -> SpiffeId {
        SpiffeId::new(&self.trust_domain, namespace, service_account)
    }

    /// Our own trust domain, then its aliases.
    pub fn trust_domains(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.trust_domain).chain(&self.trust_domain_aliases).map(String::as_str)
    }
}

/// Which behaviour of Istio holds where releases differ.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Release {
    /// Up to 1.4: only the old API; without a policy mutual TLS is off.
    UpTo1_4,
    /// From 1.5: PeerAuthentication first, the old API where none applies; without a policy PERMISSIVE.
    #[default]
    Current,
}

/// A name that can be called, and who answers to it.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// The object's name.
    pub name: String,
    /// The object's namespace.
    pub namespace: String,
    /// The full host name.
    pub host: String,
    /// Labels of the pods behind it; without labels it has no pods.
    pub selector: Labels,
    /// The Service's own addresses; none if it is headless (or not known offline).
    pub addresses: Vec<IpAddr>,
    /// Whether the endpoints are dialled directly (`clusterIP: None`).
    pub headless: bool,
    /// Whether it lies outside the mesh (`ExternalName`, or a ServiceEntry with `MESH_EXTERNAL`).
    pub external: bool,
    /// Who may see it (`networking.istio.io/exportTo`); empty means everybody.
    pub export_to: Vec<String>,
    /// What can be dialled.
    pub ports: Vec<ServicePort>,
    /// Where it was read.
    pub source: Option<Source>,
}

/// One port of a Service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServicePort {
    /// Its name, possibly empty.
    pub name: String,
    /// What clients dial.
    pub port: u16,
    /// Where it leads.
    pub target: TargetPort,
    /// What is spoken there.
    pub protocol: Protocol,
}

/// A workload port, as a Service names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TargetPort {
    /// The container port of this name, which may differ from pod to pod.
    Name(String),
    /// This port.
    Number(u16),
}

impl Default for TargetPort {
    fn default() -> Self {
        Self::Number(0)
    }
}

/// A pod, or offline the template of pods that are all alike.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// The pod's name (offline the name of its Deployment).
    pub name: String,
    /// What made the pod (a Deployment, a StatefulSet, ...), or the pod itself.
    pub controller: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's labels.
    pub labels: Labels,
    /// The account whose identity it has.
    pub service_account: String,
    /// Whether a proxy stands before it.
    pub sidecar: bool,
    /// Whether a pod like it would get a sidecar now, or why not; `None` where that is not known.
    pub injection: Option<Decision>,
    /// What its proxy is for.
    pub role: Role,
    /// The pod's address, once it has one.
    pub address: Option<IpAddr>,
    /// Whether it may be sent traffic.
    pub ready: bool,
    /// Its container ports.
    pub ports: Vec<WorkloadPort>,
    /// Inbound ports that bypass the sidecar (`traffic.sidecar.istio.io/excludeInboundPorts`).
    pub exclude_inbound_ports: Vec<u16>,
    /// The only inbound ports that do not (`traffic.sidecar.istio.io/includeInboundPorts`); all if `None`.
    pub include_inbound_ports: Option<Vec<u16>>,
    /// Whether the kubelet's probes were redirected to the agent at injection.
    pub rewrite_probes: bool,
    /// Where it was read.
    pub source: Option<Source>,
}

/// What the proxy of a workload is for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Role {
    /// Traffic from outside, or to it; configured by Gateways.
    Gateway,
    /// The application beside it.
    #[default]
    Sidecar,
}

/// A port that a container declares.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WorkloadPort {
    /// Its name, possibly empty.
    pub name: String,
    /// Its number.
    pub port: u16,
    /// What the application speaks there, if that is known.
    pub protocol: Protocol,
    /// The application's own TLS.
    pub tls: Option<ApplicationTls>,
}

/// The TLS that an application terminates itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApplicationTls {
    /// Who issued its certificate.
    pub authority: Authority,
    /// Names in its certificate; unknown if empty.
    pub names: Vec<String>,
    /// Whether it asks its clients for a certificate.
    pub client_certificate: bool,
}

/// Who issued a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Authority {
    /// The CA of the mesh.
    Mesh,
    /// A CA of the application's owner.
    Other,
    /// A CA that every system trusts.
    Public,
}

/// Where in a file an object starts.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Source {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Workload {
    /// Whether a proxy takes what is sent to `port`, or the application itself.
    pub fn intercepts(&self, port: u16) -> bool {
        /// The agent's own ports, which are never redirected.
        const AGENT: [u16; 3] = [15020, 15021, 15090];
        let included = self.include_inbound_ports.as_ref().is_none_or(|ports| ports.contains(&port));
        self.sidecar && included && !AGENT.contains(&port) && !self.exclude_inbound_ports.contains(&port)
    }

    /// The container port with this number.
    pub fn port(&self, number: u16) -> Option<&WorkloadPort> {
        self.ports.iter().find(|port| port.port == number)
    }

    /// Whether clients are told that it speaks mutual TLS (label `security.istio.io/tlsMode`, set by injection of
    /// sidecars, not on gateways).
    pub fn advertises_mtls(&self) -> bool {
        let unlabelled = self.sidecar && self.role == Role::Sidecar;
        self.labels.get("security.istio.io/tlsMode").map_or(unlabelled, |mode| mode == "istio")
    }
}

impl Service {
    /// The workload port behind `port` on this pod; `None` if a named target port is missing there.
    pub fn target(&self, port: &ServicePort, workload: &Workload) -> Option<u16> {
        match &port.target {
            TargetPort::Number(number) => Some(*number),
            TargetPort::Name(name) => workload.ports.iter().find(|port| port.name == *name).map(|port| port.port),
        }
    }

    /// Whether this workload stands behind the Service.
    pub fn selects(&self, workload: &Workload) -> bool {
        self.namespace == workload.namespace && !self.selector.is_empty() && contains(&workload.labels, &self.selector)
    }

    /// Whether clients of `namespace` know this Service at all.
    pub fn visible_to(&self, namespace: &str) -> bool {
        self.export_to.is_empty()
            || self.export_to.iter().any(|to| match to.as_str() {
                "*" => true,
                "." => self.namespace == namespace,
                named => named == namespace,
            })
    }
}

/// The names of the Secrets in which a credential may be: its own, and one for its roots alone.
pub fn credential_secrets(name: &str) -> [String; 2] {
    let name = name.strip_prefix("kubernetes://").unwrap_or(name);
    [name.to_owned(), format!("{name}-cacert")]
}

/// The credential that such Secrets hold together, of which the second one's roots come first.
pub fn joined(own: Option<&Credential>, roots: Option<&Credential>) -> Option<Credential> {
    let first = own.or(roots)?;
    let roots = roots.and_then(|found| found.roots.clone());
    let mut joined = if own.is_some() { first.clone() } else { Credential::default() };
    joined.roots = roots.or(joined.roots);
    Some(joined)
}

/// Whether all of `wanted` are among `labels`, compared with case.
pub fn contains(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// The labels a selector asks for; `None` if it asks for none, which is the same as no selector.
pub fn required(selector: Option<&Selector>) -> Option<&Labels> {
    selector.map(|selector| &selector.match_labels).filter(|labels| !labels.is_empty())
}

impl Snapshot {
    /// Removes the mesh resource of this kind and name, if it is there.
    pub fn forget(&mut self, named: &Metadata) {
        fn without<S>(resources: &mut Vec<Resource<S>>, named: &Metadata) {
            let other = |metadata: &Metadata| (&metadata.namespace, &metadata.name) != (&named.namespace, &named.name);
            resources.retain(|resource| other(&resource.metadata));
        }
        match named.kind {
            Kind::DestinationRule => without(&mut self.destination_rules, named),
            Kind::Gateway => without(&mut self.gateways, named),
            Kind::MeshPolicy => without(&mut self.mesh_policies, named),
            Kind::PeerAuthentication => without(&mut self.peer_authentications, named),
            Kind::Policy => without(&mut self.policies, named),
            Kind::VirtualService => without(&mut self.virtual_services, named),
        }
    }

    /// The Secrets of a namespace that Gateways name, as far as they are there.
    pub fn named_credentials<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a str, &'a Secret)> {
        let servers = self.gateways.iter().flat_map(|resource| &resource.spec.servers);
        let named = servers.filter_map(|server| server.tls.as_ref()?.credential_name.as_deref());
        let mut names: Vec<String> = named.flat_map(credential_secrets).collect();
        names.sort();
        names.dedup();
        names.into_iter().filter_map(move |name| {
            let ((_, name), found) = self.credentials.get_key_value(&(namespace.to_owned(), name))?;
            Some((name.as_str(), found))
        })
    }

    /// The metadata of all mesh resources, kind by kind.
    pub fn resources(&self) -> impl Iterator<Item = &Metadata> {
        let peer = self.peer_authentications.iter().map(|resource| &resource.metadata);
        let rules = self.destination_rules.iter().map(|resource| &resource.metadata);
        let gateways = self.gateways.iter().map(|resource| &resource.metadata);
        let virtual_services = self.virtual_services.iter().map(|resource| &resource.metadata);
        let policies = self.policies.iter().map(|resource| &resource.metadata);
        let mesh_policies = self.mesh_policies.iter().map(|resource| &resource.metadata);
        peer.chain(rules).chain(gateways).chain(virtual_services).chain(policies).chain(mesh_policies)
    }
}
