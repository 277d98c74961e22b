//! The virtual network of the embedded node: pods on 10.244.0.0/16, Services on 10.96.0.0/12.
//!
//! Addresses are virtual, connections are real: a listener is a TCP socket on 127.0.0.1 with a port that the system
//! chose, and connecting to it goes through the pod's redirect rules, `kube-proxy` and the other pod's redirect
//! rules first. A connection is announced to its listener (by its bound local port) before it is made, and a
//! listener drops what nobody announced, so other users of the machine can't reach into the network.
//!
//! All connections between pods pass `Network::forward`, where whoever taps one of them is put between the two ends.

mod listener;
mod pod;
mod services;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{Arc, Mutex, RwLock, Weak},
};

use tokio::net::TcpStream;

use self::listener::Origin;
pub use self::{
    listener::Owner,
    pod::PodNetwork,
    services::{Backends, Choice, Record, ServiceTable},
};
use crate::{
    embedded::node::sync::{lock, read, write},
    host::{
        redirect::{Packet, rules::Hook},
        tap::{self, relay::Near},
    },
};

/// The node's own address, from which probes and the API server's webhook calls come.
pub const NODE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);

/// The addresses of pods, in the notation of `Node.spec.podCIDR`.
pub const POD_CIDR: &str = "10.244.0.0/16";

/// The first two bytes of every pod address.
const POD_PREFIX: u32 = 0x0AF4_0000;

/// The virtual network; clones are the same network.
#[derive(Clone, Debug, Default)]
pub struct Network(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    pods: RwLock<HashMap<Ipv4Addr, Weak<PodNetwork>>>,
    /// The last address given out, as a number below the prefix.
    last: Mutex<u16>,
    services: RwLock<Arc<ServiceTable>>,
    outside: RwLock<HashMap<SocketAddrV4, SocketAddr>>,
}

/// Who makes a connection.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The user the program runs as.
    pub uid: u32,
    /// The group it runs as.
    pub gid: u32,
    /// The source address it asked for.
    pub from: Option<IpAddr>,
}

impl Network {
    /// Gives a new pod its address. The address is free again when the pod's last program is gone.
    ///
    /// # Errors
    /// `AddrNotAvailable` if all addresses are taken.
    pub fn join(&self) -> io::Result<Arc<PodNetwork>> {
        let mut pods = write(&self.0.pods);
        let mut last = lock(&self.0.last);
        for _ in 0..=u16::MAX {
            *last = last.wrapping_add(1);
            let address = Ipv4Addr::from(POD_PREFIX | u32::from(*last));
            // .0 and .255 look like network and broadcast addresses to many a reader, and .0.1 is the node.
            let plain = !matches!(address.octets()[3], 0 | 255) && address != NODE_ADDRESS;
            if plain && !pods.contains_key(&address) {
                let pod = Arc::new(PodNetwork::new(self.clone(), address));
                pods.insert(address, Arc::downgrade(&pod));
                return Ok(pod);
            }
        }
        Err(io::ErrorKind::AddrNotAvailable.into())
    }

    /// Frees the address of a pod that is gone.
    fn release(&self, address: Ipv4Addr) {
        write(&self.0.pods).remove(&address);
    }

    /// Makes a virtual address lead to a real one, outside the network.
    pub fn route(&self, to: SocketAddrV4, real: SocketAddr) {
        write(&self.0.outside).insert(to, real);
    }

    /// The Services as of now.
    pub fn services(&self) -> Arc<ServiceTable> {
        read(&self.0.services).clone()
    }

    /// Replaces what is known about Services.
    pub fn set_services(&self, table: ServiceTable) {
        *write(&self.0.services) = Arc::new(table);
    }

    /// Connects from inside a pod.
    ///
    /// # Errors
    /// `ConnectionRefused` if nobody listens there or a Service has no ready endpoint, `HostUnreachable` for an address
    /// of the network that nobody has, `NetworkUnreachable` for one outside, `AddrNotAvailable` for a source address
    /// that is not the pod's.
    pub async fn connect(&self, pod: &PodNetwork, source: Source, to: SocketAddr) -> io::Result<TcpStream> {
        let to = ipv4(to)?;
        let from = source.from.map(|from| source_address(pod, from)).transpose()?;
        let local = to.ip().is_loopback() || *to.ip() == pod.address();
        let peer = from.unwrap_or(if to.ip().is_loopback() { *to.ip() } else { pod.address() });
        let Source { uid, gid, .. } = source;
        let packet = Packet { source: peer.into(), destination: to.into(), loopback: local, uid, gid };
        match pod.redirected(Hook::Output, &packet) {
            Some(port) => deliver(pod, (Ipv4Addr::LOCALHOST, port), Origin { peer, port: None, orig_dst: to }).await,
            None if local => deliver(pod, (*to.ip(), to.port()), Origin { peer, port: None, orig_dst: to }).await,
            // A loopback address means nothing to another machine.
            None if peer.is_loopback() => Err(io::ErrorKind::InvalidInput.into()),
            None => self.forward(Some(pod), peer, to).await,
        }
    }

    /// Connects from the node itself, as the kubelet's probes and the API server's webhook calls do.
    ///
    /// # Errors
    /// As [`Network::connect`].
    pub async fn connect_from_node(&self, to: SocketAddr) -> io::Result<TcpStream> {
        self.forward(None, NODE_ADDRESS, ipv4(to)?).await
    }

    /// Connects from the node to a port of a Service.
    ///
    /// # Errors
    /// `NotFound` if there is no such Service or it has no virtual address; else as [`Network::connect`].
    pub async fn connect_to_service(&self, namespace: &str, name: &str, port: u16) -> io::Result<TcpStream> {
        let key = (namespace.to_owned(), name.to_owned());
        let Some(&Record::Cluster(address)) = self.services().names.get(&key) else {
            let text = format!("Service {namespace}/{name} has no virtual address");
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        };
        self.forward(None, NODE_ADDRESS, SocketAddrV4::new(address, port)).await
    }

    /// What happens to a connection once it has left its pod: `kube-proxy`, then the pod it is for.
    async fn forward(&self, from: Option<&PodNetwork>, peer: Ipv4Addr, to: SocketAddrV4) -> io::Result<TcpStream> {
        let outside = read(&self.0.outside).get(&to).copied();
        if let Some(real) = outside {
            return TcpStream::connect(real).await;
        }
        let endpoint = match self.services().choose(to) {
            Choice::Endpoint(endpoint) => endpoint,
            Choice::Nobody => return Err(io::ErrorKind::ConnectionRefused.into()),
            Choice::Unknown => to,
        };
        let pod = self.pod(*endpoint.ip()).ok_or_else(|| unreachable(*endpoint.ip()))?;
        let packet = Packet { source: peer.into(), destination: endpoint.into(), loopback: false, uid: 0, gid: 0 };
        let port = pod.redirected(Hook::Prerouting, &packet).unwrap_or(endpoint.port());
        let origin = Origin { peer, port: None, orig_dst: endpoint };
        let tapped = from.into_iter().chain([&*pod]).any(|pod| pod.taps().opened() > 0);
        if tapped {
            observed(from, &pod, port, origin).await
        } else {
            deliver(&pod, (*endpoint.ip(), port), origin).await
        }
    }

    fn pod(&self, address: Ipv4Addr) -> Option<Arc<PodNetwork>> {
        read(&self.0.pods).get(&address)?.upgrade()
    }
}

/// Ends a connection at a socket of `pod`.
async fn deliver(pod: &PodNetwork, (to, port): (Ipv4Addr, u16), origin: Origin) -> io::Result<TcpStream> {
    let socket = pod.socket(to, port).ok_or(io::ErrorKind::ConnectionRefused)?;
    socket.connect(origin).await
}

/// Ends a connection at a socket of `to`, with whoever taps either pod between the two ends.
async fn observed(from: Option<&PodNetwork>, to: &PodNetwork, port: u16, origin: Origin) -> io::Result<TcpStream> {
    let near = Near::new().await?;
    let (client, server) = (SocketAddr::from((origin.peer, near.port())), SocketAddr::from(origin.orig_dst));
    let origin = Origin { port: Some(near.port()), ..origin };
    let far = deliver(to, (*origin.orig_dst.ip(), port), origin).await?;
    let at_client = from.and_then(|pod| pod.taps().watch(client, server, server.ip()));
    let at_server = to.taps().watch(client, server, client.ip());
    Ok(near.join(far, tap::Direction::ToClient, at_client.into_iter().chain(at_server).collect()))
}

/// The network has no IPv6; a mapped address is its IPv4 address, and `0.0.0.0` means this pod, as on Linux.
fn ipv4(to: SocketAddr) -> io::Result<SocketAddrV4> {
    let address = match to.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) if address.is_loopback() || address.is_unspecified() => Ipv4Addr::LOCALHOST,
        IpAddr::V6(address) => address.to_ipv4_mapped().ok_or(io::ErrorKind::NetworkUnreachable)?,
    };
    let address = if address.is_unspecified() { Ipv4Addr::LOCALHOST } else { address };
    Ok(SocketAddrV4::new(address, to.port()))
}

fn source_address(pod: &PodNetwork, from: IpAddr) -> io::Result<Ipv4Addr> {
    match from {
        IpAddr::V4(from) if from.is_loopback() || from == pod.address() => Ok(from),
        _ => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

/// How a connection to an address without a pod fails: inside the network no machine answers, outside there is no way.
fn unreachable(address: Ipv4Addr) -> io::Error {
    let [first, second, ..] = address.octets();
    let ours = first == 10 && (second == 244 || (96..112).contains(&second));
    if ours { io::ErrorKind::HostUnreachable.into() } else { io::ErrorKind::NetworkUnreachable.into() }
}
