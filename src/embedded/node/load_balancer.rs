//! Gives Services of type LoadBalancer an address outside the virtual network, as a cloud's controller does.
//!
//! The address is 127.0.0.1. Nobody without rights may listen on port 80 there, and two clusters on one machine would
//! both want it, so each port of a Service gets whatever port the system has to offer; an annotation of the Service
//! tells which.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::{Ipv4Addr, SocketAddr},
};

use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

use super::network::Network;
use crate::embedded::informer::{Informer, Key, key_of};

/// The annotation that tells which port of the address stands for which port of the Service: `80:41234,443:41235`.
pub const PORTS_ANNOTATION: &str = "labctl.dev/load-balancer-ports";

/// Follows Services until the task is dropped.
pub(super) async fn run(client: Client, network: Network, services: Informer<Service>) {
    let mut changes = services.subscribe();
    let mut doors: HashMap<Key, Doors> = HashMap::new();
    while let Some(change) = changes.recv().await {
        let key = key_of(&**change.object());
        let Some(service) = &change.after else {
            doors.remove(&key);
            continue;
        };
        let own = doors.entry(key.clone()).or_default();
        own.adjust(&network, &key, &ports(service)).await;
        if let Err(error) = own.publish(&client, service).await {
            tracing::warn!(service = ?key, %error, "cannot tell where the load balancer is");
        }
        if own.0.is_empty() {
            doors.remove(&key);
        }
    }
}

/// The ports to be reached from outside; none of a Service that is no load balancer, or somebody else's.
fn ports(service: &Service) -> Vec<u16> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let ours = spec.type_.as_deref() == Some("LoadBalancer")
        && spec.load_balancer_class.is_none()
        && service.metadata.deletion_timestamp.is_none();
    let over_tcp = spec.ports.iter().flatten().filter(|port| port.protocol.as_deref().is_none_or(|it| it == "TCP"));
    over_tcp.filter(|_| ours).filter_map(|port| u16::try_from(port.port).ok()).collect()
}

/// The open ports of one Service, by the Service's.
#[derive(Default)]
struct Doors(BTreeMap<u16, Door>);

struct Door {
    port: u16,
    _accepting: AbortOnDropHandle<()>,
}

impl Doors {
    async fn adjust(&mut self, network: &Network, service: &Key, wanted: &[u16]) {
        self.0.retain(|port, _| wanted.contains(port));
        for &port in wanted {
            if self.0.contains_key(&port) {
                continue;
            }
            match Door::open(network.clone(), service.clone(), port).await {
                Ok(door) => _ = self.0.insert(port, door),
                Err(error) => tracing::warn!(?service, port, %error, "no port for the load balancer"),
            }
        }
    }

    /// Writes down what is open, unless the Service says so already: first the ports, so that whoever sees the address
    /// knows them.
    async fn publish(&self, client: &Client, service: &Service) -> kube::Result<()> {
        let pairs: Vec<String> = self.0.iter().map(|(port, door)| format!("{port}:{}", door.port)).collect();
        let ports = (!pairs.is_empty()).then(|| pairs.join(","));
        let told = service.annotations().get(PORTS_ANNOTATION);
        let address = service.status.as_ref().and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref());
        let name = service.name_any();
        let api: Api<Service> = Api::namespaced(client.clone(), &service.namespace().unwrap_or_default());
        if told != ports.as_ref() {
            let patch = json!({ "metadata": { "annotations": { PORTS_ANNOTATION: ports } } });
            gone(api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await)?;
        }
        if address.is_some() != ports.is_some() {
            let ingress = ports.map(|_| json!([{ "ip": Ipv4Addr::LOCALHOST, "ipMode": "Proxy" }]));
            let patch = json!({ "status": { "loadBalancer": { "ingress": ingress } } });
            gone(api.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await)?;
        }
        Ok(())
    }
}

/// A Service that is gone by now needs no address.
fn gone<T>(written: kube::Result<T>) -> kube::Result<()> {
    match written {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(|_| ()),
    }
}

impl Door {
    async fn open(network: Network, service: Key, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let own = listener.local_addr()?.port();
        let accepting = tokio::spawn(accept(listener, network, service, port));
        Ok(Self { port: own, _accepting: AbortOnDropHandle::new(accepting) })
    }
}

async fn accept(listener: TcpListener, network: Network, service: Key, port: u16) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            // A connection that is gone before it was accepted is its client's business.
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                open.spawn(carry(stream, network.clone(), service.clone(), port));
            },
            Some(_) = open.join_next() => {}
        }
    }
}

/// Joins a connection from outside with one to the Service. How the one ends, the other does: a reset stays one.
async fn carry(mut outside: TcpStream, network: Network, (namespace, name): Key, port: u16) {
    // Without it, small writes wait for acknowledgements; failing to set it costs time, not correctness.
    let _ = outside.set_nodelay(true);
    let Ok(mut inside) = network.connect_to_service(&namespace, &name, port).await else {
        return reset(&outside);
    };
    let _ = inside.set_nodelay(true);
    if copy_bidirectional(&mut outside, &mut inside).await.is_err() {
        reset(&outside);
        reset(&inside);
    }
}

/// Makes the socket send a reset when it is closed.
fn reset(stream: &TcpStream) {
    // A socket whose peer is gone already refuses; then there is nobody to tell.
    let _ = stream.set_zero_linger();
}
