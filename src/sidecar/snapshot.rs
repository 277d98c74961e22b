//! A configuration and an identity, compiled for use. Replaced as a whole; what did not change is carried over,
//! so that a new policy or a renewed certificate does not cost the connections that are open.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
};

use super::{
    config::{ClientTls, OutboundPort, Protocol, ProxyConfig, Routing, Svid, routing::Credential},
    gateway::Gateway,
    routing::hosts::VirtualHosts,
    telemetry::{Neighbours, Workload, labels::service_of},
    tls::{Identity, TlsError, client::ClientContext, server::ServerTls},
    upstream::{Cluster, Upstream},
};

/// What connections use.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub config: Arc<ProxyConfig>,
    pub identity: Arc<Identity>,
    pub server: Arc<ServerTls>,
    pub routes: Arc<Routes>,
    /// What VirtualServices say about the application's requests.
    pub hosts: Arc<VirtualHosts>,
    /// What Gateways say, if this is a gateway.
    pub gateway: Arc<Gateway>,
    /// What was asked for; `identity` is older if this one cannot be used.
    svid: Arc<Svid>,
}

impl Snapshot {
    /// # Errors
    /// If the identity cannot be used.
    pub fn new(config: Arc<ProxyConfig>, svid: Arc<Svid>) -> Result<Self, TlsError> {
        let identity = Arc::new(Identity::new(svid.clone())?);
        let server = Arc::new(ServerTls::new(&identity, &config.trust_domains)?);
        let routes = Arc::new(Routes::new(&config.outbound, &config.routing, &Routes::default()));
        let hosts = Arc::new(VirtualHosts::new(&config.routing.hosts));
        let gateway = Arc::new(Gateway::new(&config.routing));
        Ok(Self { config, identity, server, routes, hosts, gateway, svid })
    }

    /// Whether it is up to date.
    pub fn is_made_of(&self, config: &Arc<ProxyConfig>, svid: &Arc<Svid>) -> bool {
        Arc::ptr_eq(&self.config, config) && Arc::ptr_eq(&self.svid, svid)
    }

    /// The next one. An identity that cannot be used leaves the previous one in place and is reported.
    pub fn renewed(&self, config: Arc<ProxyConfig>, svid: Arc<Svid>) -> (Self, Option<TlsError>) {
        let same_routing = self.config.routing == config.routing;
        let same_credentials = same_routing || self.config.routing.credentials == config.routing.credentials;
        let routes = if same_credentials && self.config.outbound == config.outbound {
            self.routes.clone()
        } else {
            Arc::new(Routes::new(&config.outbound, &config.routing, &self.routes))
        };
        let (hosts, gateway) = if same_routing {
            (self.hosts.clone(), self.gateway.clone())
        } else {
            (Arc::new(VirtualHosts::new(&config.routing.hosts)), Arc::new(Gateway::new(&config.routing)))
        };
        let (identity, server, refused) = match self.renewed_tls(&config, &svid) {
            Ok((identity, server)) => (identity, server, None),
            Err(error) => (self.identity.clone(), self.server.clone(), Some(error)),
        };
        (Self { config, identity, server, routes, hosts, gateway, svid }, refused)
    }

    fn renewed_tls(&self, config: &ProxyConfig, svid: &Arc<Svid>) -> Result<(Arc<Identity>, Arc<ServerTls>), TlsError> {
        let same_svid = Arc::ptr_eq(&self.svid, svid);
        if same_svid && self.config.trust_domains == config.trust_domains {
            return Ok((self.identity.clone(), self.server.clone()));
        }
        let identity = if same_svid { self.identity.clone() } else { Arc::new(Identity::new(svid.clone())?) };
        let server = Arc::new(ServerTls::new(&identity, &config.trust_domains)?);
        Ok((identity, server))
    }
}

/// Which Service an outbound connection or request is for.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    services: HashMap<ServicePort, Arc<Service>>,
    /// Parts of Services, which only routes lead to.
    subsets: HashMap<(String, ServicePort), Arc<Service>>,
    /// Services by their addresses, headless ones by their endpoints' addresses.
    by_address: HashMap<SocketAddr, Arc<Service>>,
    by_host: HashMap<u16, HashMap<String, Arc<Service>>>,
    /// Ports on which some Service speaks HTTP: requests to any address are routed by their `Host` there.
    http_ports: HashSet<u16>,
    neighbours: Neighbours,
}

/// A host name and a Service port.
type ServicePort = (String, u16);

/// A Service port.
#[derive(Debug)]
pub(crate) struct Service {
    pub cluster: Arc<Cluster>,
    /// Whether clients dial endpoints directly.
    pub headless: bool,
    tls: ClientTls,
    credential: Option<Credential>,
    context: Option<Arc<ClientContext>>,
}

impl Routes {
    /// Compiles the Service ports, keeping the connections of those endpoints of `previous` that are called as before.
    pub fn new(ports: &[OutboundPort], routing: &Routing, previous: &Self) -> Self {
        let mut routes = Self::default();
        for port in ports {
            let key = (port.host.clone(), port.port);
            if let Some(subset) = &port.subset {
                let key = (subset.clone(), key);
                let service = Service::new(port, routing, previous.subsets.get(&key));
                routes.subsets.insert(key, Arc::new(service));
                continue;
            }
            let service = Arc::new(Service::new(port, routing, previous.services.get(&key)));
            routes.add(port, &service);
            routes.services.insert(key, service);
        }
        routes
    }

    fn add(&mut self, port: &OutboundPort, service: &Arc<Service>) {
        let addresses = port.addresses.iter().map(|address| SocketAddr::new(*address, port.port));
        let endpoints = port.endpoints.iter().filter(|_| service.headless).map(|endpoint| endpoint.address);
        let host: Arc<str> = Arc::from(port.host.as_str());
        for endpoint in &port.endpoints {
            self.neighbours.add(endpoint.address, &host, endpoint.workload.as_deref());
        }
        for address in addresses.chain(endpoints) {
            self.by_address.entry(address).or_insert_with(|| service.clone());
        }
        let hosts = self.by_host.entry(port.port).or_default();
        hosts.insert(port.host.to_ascii_lowercase(), service.clone());
        let addresses = port.addresses.iter().map(ToString::to_string);
        for alias in port.aliases.iter().map(|alias| alias.to_ascii_lowercase()).chain(addresses) {
            hosts.entry(alias).or_insert_with(|| service.clone());
        }
        if matches!(port.protocol, Protocol::Http | Protocol::Http2) {
            self.http_ports.insert(port.port);
        }
    }

    /// The Service that has this address.
    pub fn at(&self, address: SocketAddr) -> Option<&Arc<Service>> {
        self.by_address.get(&address)
    }

    /// The Service of this port that a client calls `authority` (`name` or `name:port`).
    pub fn called(&self, port: u16, authority: &str) -> Option<&Arc<Service>> {
        let hosts = self.by_host.get(&port)?;
        let name = without_port(authority);
        let name = name.strip_suffix('.').unwrap_or(name);
        match hosts.get(name) {
            None if name.bytes().any(|byte| byte.is_ascii_uppercase()) => hosts.get(&name.to_ascii_lowercase()),
            found => found,
        }
    }

    /// Which workloads and Services stand behind which addresses.
    pub fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// Whether some Service speaks HTTP on this port.
    pub fn has_http(&self, port: u16) -> bool {
        self.http_ports.contains(&port)
    }

    /// The endpoints of all Services.
    pub fn clusters(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.services.values().chain(self.subsets.values()).map(|service| &service.cluster)
    }

    /// The Service port of this name.
    pub fn named(&self, host: &str, port: u16) -> Option<&Arc<Service>> {
        self.services.get(&(host.to_owned(), port))
    }

    /// The Service port of this name, or one of its subsets.
    pub fn part(&self, host: &str, port: u16, subset: Option<&str>) -> Option<&Arc<Service>> {
        match subset {
            None => self.named(host, port),
            Some(subset) => self.subsets.get(&(subset.to_owned(), (host.to_owned(), port))),
        }
    }
}

/// The name in an authority; an IPv6 address without its brackets.
pub(crate) fn without_port(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

impl Service {
    fn new(port: &OutboundPort, routing: &Routing, previous: Option<&Arc<Self>>) -> Self {
        let credential = port.tls.credential_name().and_then(|name| routing.credentials.get(name));
        let previous =
            previous.filter(|previous| previous.tls == port.tls && previous.credential.as_ref() == credential);
        let context = match previous {
            Some(previous) => previous.context.clone(),
            None => ClientContext::new(&port.tls, credential).map(Arc::new),
        };
        let namespace = service_of(&port.host).map(|(_, namespace)| Arc::<str>::from(namespace));
        let kept = |address, tls: bool, workload: &Option<Workload>| {
            let upstream = previous?.cluster.at(address)?;
            (upstream.tls.is_some() == tls && upstream.workload == *workload).then(|| upstream.clone())
        };
        let upstreams = port.endpoints.iter().map(|endpoint| {
            let tls = context.clone().filter(|_| endpoint.tls);
            let name = endpoint.workload.as_deref().map(Arc::from);
            let workload = namespace.clone().zip(name).map(|(namespace, name)| Workload { namespace, name });
            kept(endpoint.address, tls.is_some(), &workload)
                .unwrap_or_else(|| Arc::new(Upstream::new(endpoint.address, None, tls).of(workload)))
        });
        Self {
            cluster: Arc::new(Cluster::service(&port.host, port.protocol, upstreams.collect())),
            headless: port.addresses.is_empty(),
            tls: port.tls.clone(),
            credential: credential.cloned(),
            context,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::sidecar::config::Endpoint;

    fn port(host: &str, vip: Option<[u8; 4]>, protocol: Protocol) -> OutboundPort {
        OutboundPort {
            host: host.to_owned(),
            aliases: vec![host.split('.').next().unwrap().to_owned()],
            subset: None,
            addresses: vip.into_iter().map(IpAddr::from).collect(),
            port: 8000,
            protocol,
            tls: ClientTls::Disable,
            endpoints: vec![Endpoint { address: ([10, 244, 0, 9], 8080).into(), tls: false, workload: None }],
        }
    }

    #[test]
    fn services_are_found_by_address_and_by_host() {
        let httpbin = port("httpbin.foo.svc.cluster.local", Some([10, 96, 0, 2]), Protocol::Http);
        let headless = port("db.foo.svc.cluster.local", None, Protocol::Tcp);
        let routes = Routes::new(&[httpbin, headless], &Routing::default(), &Routes::default());
        let host_at = |address: SocketAddr| routes.at(address).and_then(|found| found.cluster.host.clone());
        assert_eq!(host_at(([10, 96, 0, 2], 8000).into()).as_deref(), Some("httpbin.foo.svc.cluster.local"));
        assert_eq!(host_at(([10, 244, 0, 9], 8080).into()).as_deref(), Some("db.foo.svc.cluster.local"));
        assert_eq!(host_at(([10, 96, 0, 2], 8001).into()), None);
        for authority in [
            "httpbin",
            "HttpBin:8000",
            "httpbin.foo.svc.cluster.local",
            "httpbin.foo.svc.cluster.local.",
            "10.96.0.2:8000",
        ] {
            assert!(routes.called(8000, authority).is_some(), "{authority}");
        }
        assert!(routes.called(8001, "httpbin").is_none() && routes.called(8000, "other").is_none());
        assert!(routes.has_http(8000) && !routes.has_http(8001));
    }

    #[test]
    fn endpoints_that_are_called_as_before_keep_their_connections() {
        let before = port("a.foo.svc.cluster.local", Some([10, 96, 0, 2]), Protocol::Http);
        let first = Routes::new(std::slice::from_ref(&before), &Routing::default(), &Routes::default());
        let upstream = |routes: &Routes| routes.named(&before.host, 8000).unwrap().cluster.upstreams[0].clone();
        let mut more = before.clone();
        more.endpoints.push(Endpoint { address: ([10, 244, 0, 10], 8080).into(), tls: false, workload: None });
        let second = Routes::new(&[more], &Routing::default(), &first);
        assert!(Arc::ptr_eq(&upstream(&first), &upstream(&second)));
        let mut secured = before.clone();
        secured.tls = ClientTls::IstioMutual { sni: "a".to_owned(), sans: Vec::new() };
        secured.endpoints[0].tls = true;
        let third = Routes::new(&[secured], &Routing::default(), &second);
        assert!(!Arc::ptr_eq(&upstream(&second), &upstream(&third)));
    }

    #[test]
    fn authorities_are_split() {
        for (authority, name) in [("a", "a"), ("a:1", "a"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("a:b", "a:b")] {
            assert_eq!(without_port(authority), name);
        }
    }
}
