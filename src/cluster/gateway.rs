//! How a Service is reached from outside of the cluster: by its load balancer's address, else through the API server.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use kube::{Api, ResourceExt};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Cluster, ClusterError, Patience, pods,
    wait::{Progress, State, named, until},
};
use crate::embedded::node::load_balancer::PORTS_ANNOTATION;

/// Where each port of a Service is reached; as long as this lives, if the way leads through us.
#[derive(Debug)]
pub struct Edge {
    addresses: BTreeMap<u16, EdgeAddress>,
    _forwards: Vec<AbortOnDropHandle<()>>,
}

/// Where one port is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EdgeAddress {
    /// An address or a name.
    pub host: String,
    /// The port there.
    pub port: u16,
}

impl std::fmt::Display for EdgeAddress {
    /// `host:port`, as it stands in a URL.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Edge {
    /// Where a port of the Service is reached.
    pub fn address(&self, port: u16) -> Option<&EdgeAddress> {
        self.addresses.get(&port)
    }
}

/// How long a load balancer may take to have its address before somebody goes another way: a cluster without anybody who
/// gives such addresses never has one.
const GRACE: Duration = Duration::from_secs(3);

/// The ways through us that are open, by the uid of the Service.
#[derive(Debug, Default)]
pub(super) struct Forwards(tokio::sync::Mutex<HashMap<String, Arc<Edge>>>);

impl Cluster {
    /// Finds how a Service is reached from outside. One without a load balancer's address is reached through the API
    /// server, by ports of 127.0.0.1 that last as long as this cluster; so is one of another type.
    ///
    /// # Errors
    /// There is no such Service, or a failed request.
    pub async fn edge(&self, namespace: &str, name: &str, patience: &Patience) -> Result<Arc<Edge>, ClusterError> {
        let services: Api<Service> = Api::namespaced(self.client(), namespace);
        let get = async || {
            let doing = format!("read Service {namespace}/{name}");
            services.get(name).await.map_err(ClusterError::request(doing))
        };
        let now = get().await?;
        let mut open = self.forwards.0.lock().await;
        if let Some(edge) = now.uid().and_then(|uid| open.get(&uid).cloned()) {
            return Ok(edge);
        }
        let waiting_for = format!("Service {namespace}/{name} to have an address");
        let addressed = until(services.clone(), named(name), &waiting_for, patience, |state: &State<Service>| {
            match state.values().next() {
                Some(service) if !is_balancer(service) || is_complete(service) => Progress::Done(service.clone()),
                _ => Progress::Waiting("its load balancer has no address yet".to_owned()),
            }
        });
        let service = match timeout(GRACE, addressed).await {
            Ok(found) => found?,
            Err(_) => get().await?,
        };
        if let Some(addresses) = balanced(&service) {
            return Ok(Arc::new(Edge { addresses, _forwards: Vec::new() }));
        }
        let edge = Arc::new(self.forward(&service).await?);
        if let Some(uid) = service.uid() {
            open.insert(uid, edge.clone());
        }
        Ok(edge)
    }

    /// The pods that a Service leads to, ready or not; none of one without a selector.
    ///
    /// # Errors
    /// There is no such Service, or a failed request.
    pub async fn pods_behind(&self, namespace: &str, name: &str) -> Result<Vec<Pod>, ClusterError> {
        let services: Api<Service> = Api::namespaced(self.client(), namespace);
        let doing = format!("read Service {namespace}/{name}");
        let service = services.get(name).await.map_err(ClusterError::request(doing))?;
        match service.spec.and_then(|spec| spec.selector) {
            Some(selector) => self.pods(namespace, &selector).await,
            None => Ok(Vec::new()),
        }
    }

    /// Opens a port of 127.0.0.1 for each port of a Service.
    async fn forward(&self, service: &Service) -> Result<Edge, ClusterError> {
        let mut edge = Edge { addresses: BTreeMap::new(), _forwards: Vec::new() };
        for port in ports(service) {
            let Ok(number) = u16::try_from(port.port) else { continue };
            let failed = |error: io::Error| ClusterError::Connect(format!("cannot listen on 127.0.0.1: {error}"));
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
            let own = listener.local_addr().map_err(failed)?;
            let tunnel = Tunnel { client: self.client(), service: service.clone(), port: port.clone() };
            edge._forwards.push(AbortOnDropHandle::new(tokio::spawn(tunnel.accept(listener))));
            edge.addresses.insert(number, EdgeAddress { host: own.ip().to_string(), port: own.port() });
        }
        Ok(edge)
    }
}

fn is_balancer(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("LoadBalancer"))
}

/// Whether a load balancer has its address, and all of its ports if these are others than the Service's.
fn is_complete(service: &Service) -> bool {
    let told = service.annotations().get(PORTS_ANNOTATION);
    let known = |port: &ServicePort| told.is_none_or(|told| mapped(told).any(|(from, _)| from == port.port));
    host(service).is_some() && ports(service).all(known)
}

fn ports(service: &Service) -> impl Iterator<Item = &ServicePort> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    ports.filter(|port| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP"))
}

/// Where a load balancer is, if the Service has one that is there.
fn balanced(service: &Service) -> Option<BTreeMap<u16, EdgeAddress>> {
    let host = host(service)?;
    let told: BTreeMap<i32, u16> =
        service.annotations().get(PORTS_ANNOTATION).map(|text| mapped(text).collect()).unwrap_or_default();
    let address = |port: &ServicePort| {
        let number = u16::try_from(port.port).ok()?;
        let port = told.get(&port.port).copied().unwrap_or(number);
        Some((number, EdgeAddress { host: host.clone(), port }))
    };
    Some(ports(service).filter_map(address).collect())
}

fn host(service: &Service) -> Option<String> {
    let ingress = service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?.first()?;
    ingress.ip.clone().or_else(|| ingress.hostname.clone()).filter(|host| !host.is_empty())
}

/// The ports of an annotation, `80:41234,443:41235`.
fn mapped(text: &str) -> impl Iterator<Item = (i32, u16)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once(':'));
    pairs.filter_map(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)))
}

/// The way through the API server to one port of a Service.
struct Tunnel {
    client: kube::Client,
    service: Service,
    port: ServicePort,
}

impl Tunnel {
    async fn accept(self, listener: TcpListener) {
        let (mut open, tunnel) = (JoinSet::new(), Arc::new(self));
        loop {
            tokio::select! {
                // A connection that is gone before it was accepted is its client's business.
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    let tunnel = tunnel.clone();
                    open.spawn(async move { tunnel.carry(stream).await });
                },
                Some(_) = open.join_next() => {}
            }
        }
    }

    /// Joins a connection with one to a ready pod of the Service; if that cannot be made, or breaks, it is reset.
    async fn carry(&self, mut outside: TcpStream) {
        let carried = async {
            let mut inside = self.dial().await?;
            copy_bidirectional(&mut outside, &mut inside).await.ok()
        };
        if carried.await.is_none() {
            // A socket whose peer is gone already refuses; then there is nobody to tell.
            let _ = outside.set_zero_linger();
        }
    }

    async fn dial(&self) -> Option<impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + use<>> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.service.namespace()?);
        let selector = self.service.spec.as_ref()?.selector.as_ref()?;
        let selector: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let found = pods.list(&kube::api::ListParams::default().labels(&selector.join(","))).await.ok()?;
        let pod = found.items.into_iter().find(pods::is_ready)?;
        let port = crate::embedded::node::endpoints::target_port(&self.port, &pod)?;
        let mut forwarder = pods.portforward(&pod.name_any(), &[port]).await.ok()?;
        let stream = forwarder.take_stream(port);
        // It works as long as somebody holds the streams.
        tokio::spawn(async move { forwarder.join().await });
        stream
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(annotation: Option<&str>, ingress: &serde_json::Value) -> Service {
        let annotations = annotation.map(|text| json!({ PORTS_ANNOTATION: text }));
        let service = json!({
            "metadata": { "name": "edge", "annotations": annotations },
            "spec": { "type": "LoadBalancer", "ports": [{ "port": 80 }, { "port": 443 }, { "port": 53, "protocol": "UDP" }] },
            "status": { "loadBalancer": { "ingress": ingress } },
        });
        serde_json::from_value(service).unwrap()
    }

    fn shown(service: &Service) -> Option<String> {
        let addresses = balanced(service)?;
        Some(addresses.iter().map(|(port, address)| format!("{port} {address}")).collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn addresses_are_those_of_the_load_balancer() {
        let cloud = service(None, &json!([{ "hostname": "lb.example.com" }]));
        assert_eq!(shown(&cloud).as_deref(), Some("80 lb.example.com:80, 443 lb.example.com:443"));
        let six = service(None, &json!([{ "ip": "2001:db8::1" }]));
        assert_eq!(shown(&six).as_deref(), Some("80 [2001:db8::1]:80, 443 [2001:db8::1]:443"));
        let embedded = service(Some("80:41234,443:41235"), &json!([{ "ip": "127.0.0.1" }]));
        assert_eq!(shown(&embedded).as_deref(), Some("80 127.0.0.1:41234, 443 127.0.0.1:41235"));
        assert_eq!(shown(&service(None, &json!([]))), None);
    }

    #[test]
    fn half_an_address_is_waited_for() {
        let address = json!([{ "ip": "127.0.0.1" }]);
        assert!(!is_complete(&service(Some("80:1,443:2"), &json!([]))));
        assert!(!is_complete(&service(Some("80:1"), &address)));
        assert!(is_complete(&service(Some("80:1,443:2"), &address)));
        assert!(is_complete(&service(None, &address)));
    }
}
