//! How a Service is reached from outside of the cluster: by its load balancer's address, by a port of the nodes, else
//! through the API server.

mod balancer;
mod node_port;
mod tunnel;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use kube::{Api, ResourceExt};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Cluster, ClusterError, Patience,
    wait::{Progress, State, named, until},
};
use balancer::{balanced, is_balancer, is_complete};
use tunnel::is_behind_a_sidecar;

/// Where each port of a Service is reached; as long as this lives, if the way leads through us.
#[derive(Debug, Default)]
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

/// What was found for Services without a load balancer's address, by their uid.
#[derive(Debug, Default)]
pub(super) struct Forwards(tokio::sync::Mutex<HashMap<String, Arc<Edge>>>);

impl Cluster {
    /// Finds how a Service is reached from outside. One without a load balancer's address is reached by a port of the
    /// nodes, if one of them answers there; else through the API server, by ports of 127.0.0.1 that last as long as this
    /// cluster, if no sidecar would be passed by on that way.
    ///
    /// # Errors
    /// There is no such Service, there is no way, or a failed request.
    pub async fn edge(&self, namespace: &str, name: &str, patience: &Patience) -> Result<Arc<Edge>, ClusterError> {
        let now = self.service(namespace, name).await?;
        let mut open = self.forwards.0.lock().await;
        if let Some(edge) = now.uid().and_then(|uid| open.get(&uid).cloned()) {
            return Ok(edge);
        }
        let service = match is_balancer(&now) && !is_complete(&now) {
            true => self.addressed(&now, patience).await?,
            false => now,
        };
        if let Some(addresses) = balanced(&service) {
            return Ok(Arc::new(Edge { addresses, ..Edge::default() }));
        }
        let edge = Arc::new(self.way_in(&service).await?);
        if let Some(uid) = service.uid() {
            open.insert(uid, edge.clone());
        }
        Ok(edge)
    }

    /// The Service with its load balancer's address, or as it is if nobody gives it one.
    async fn addressed(&self, now: &Service, patience: &Patience) -> Result<Service, ClusterError> {
        let services: Api<Service> = Api::namespaced(self.client(), &now.namespace().unwrap_or_default());
        let waiting_for = format!("Service {} to have an address", full_name(now));
        let found =
            until(services, named(&now.name_any()), &waiting_for, patience, |state: &State<Service>| {
                match state.values().next() {
                    Some(service) if is_complete(service) => Progress::Done(service.clone()),
                    _ => Progress::Waiting("its load balancer has no address yet".to_owned()),
                }
            });
        timeout(GRACE, found).await.unwrap_or_else(|_| Ok(now.clone()))
    }

    /// The way to a Service that no load balancer leads to.
    async fn way_in(&self, service: &Service) -> Result<Edge, ClusterError> {
        let shut = match self.node_ports(service).await {
            Ok(addresses) => return Ok(Edge { addresses, ..Edge::default() }),
            Err(why) => why,
        };
        if self.pods_behind(service).await?.iter().any(is_behind_a_sidecar) {
            return Err(ClusterError::NoWayIn { service: full_name(service), why: shut });
        }
        self.forward(service).await
    }

    /// The pods that a Service leads to, ready or not; none of one without a selector.
    ///
    /// # Errors
    /// A failed request.
    pub async fn pods_behind(&self, service: &Service) -> Result<Vec<Pod>, ClusterError> {
        match service.spec.as_ref().and_then(|spec| spec.selector.as_ref()).filter(|selector| !selector.is_empty()) {
            Some(selector) => self.pods(&service.namespace().unwrap_or_default(), selector).await,
            None => Ok(Vec::new()),
        }
    }

    /// A Service.
    ///
    /// # Errors
    /// There is no such Service, or a failed request.
    pub async fn service(&self, namespace: &str, name: &str) -> Result<Service, ClusterError> {
        let services: Api<Service> = Api::namespaced(self.client(), namespace);
        let doing = format!("read Service {namespace}/{name}");
        services.get(name).await.map_err(ClusterError::request(doing))
    }
}

fn full_name(service: &Service) -> String {
    format!("{}/{}", service.namespace().unwrap_or_default(), service.name_any())
}

fn ports(service: &Service) -> impl Iterator<Item = &ServicePort> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    ports.filter(|port| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP"))
}

#[cfg(test)]
mod tests;
