//! The ports that all nodes have for a Service.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, future, stream};
use k8s_openapi::api::core::v1::{Node, Service, ServicePort};
use kube::{Api, api::ListParams};
use tokio::{net::TcpStream, time::timeout};

use super::{EdgeAddress, ports};
use crate::cluster::{Cluster, ClusterError};

/// How long a node may take to accept a connection, and all that are asked together.
const ONE: Duration = Duration::from_secs(1);
const ALL: Duration = Duration::from_secs(3);
/// How many nodes are asked at once.
const AT_ONCE: usize = 8;

impl Cluster {
    /// Where the ports of a Service are reached at a node that accepts connections there; the error says why nowhere.
    pub(super) async fn node_ports(&self, service: &Service) -> Result<BTreeMap<u16, EdgeAddress>, String> {
        let numbers = numbers(service);
        if numbers.is_empty() {
            return Err("the nodes have no ports for it".to_owned());
        }
        let listed = Api::<Node>::all(self.client()).list(&ListParams::default()).await;
        let nodes = listed.map_err(ClusterError::request("list the nodes")).map_err(|error| error.to_string())?.items;
        let hosts = hosts(&nodes);
        let asked = stream::iter(hosts.clone()).map(|host| accepts(host, numbers.values().copied().collect()));
        let mut accepting = asked.buffered(AT_ONCE).filter_map(future::ready).boxed();
        let Some(host) = timeout(ALL, accepting.next()).await.ok().flatten() else {
            let numbers: Vec<String> = numbers.values().map(u16::to_string).collect();
            return Err(format!("no node accepts a connection ({} at {})", numbers.join(", "), hosts.join(", ")));
        };
        Ok(numbers.iter().map(|(&port, &number)| (port, EdgeAddress { host: host.clone(), port: number })).collect())
    }
}

/// The nodes' ports by the Service's.
fn numbers(service: &Service) -> BTreeMap<u16, u16> {
    let both = |port: &ServicePort| {
        Some((u16::try_from(port.port).ok()?, u16::try_from(port.node_port?).ok().filter(|number| *number != 0)?))
    };
    ports(service).filter_map(both).collect()
}

/// The addresses of all nodes, those that are meant for people outside first.
fn hosts(nodes: &[Node]) -> Vec<String> {
    let of = |kind: &'static str| {
        let addresses = nodes.iter().filter_map(|node| node.status.as_ref()?.addresses.as_ref()).flatten();
        addresses.filter(move |address| address.type_ == kind).map(|address| address.address.clone())
    };
    of("ExternalIP").chain(of("InternalIP")).collect()
}

/// The host, if it accepts a connection at one of the ports at least: behind the others nobody may listen yet.
async fn accepts(host: String, ports: Vec<u16>) -> Option<String> {
    let dialled = ports.iter().map(|port| timeout(ONE, TcpStream::connect((host.as_str(), *port))));
    let answered = future::join_all(dialled).await.iter().any(|dialled| matches!(dialled, Ok(Ok(_))));
    answered.then_some(host)
}
