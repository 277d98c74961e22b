//! The network namespace of one pod: its address, its listening sockets, its redirect rules.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Network,
    listener::{Owner, Socket, VirtualListener},
};
use crate::{
    embedded::node::sync::{lock, read, write},
    host::{
        Listener, Redirect,
        redirect::{
            Packet,
            rules::{Family, Hook, Table},
        },
        tap::Taps,
    },
};

/// The first port given to a listener that asked for any (as Linux does by default).
const FIRST_EPHEMERAL: u16 = 32768;

/// A pod's place in the virtual network. Leaves the network, and frees its address, when it is dropped.
#[derive(Debug)]
pub struct PodNetwork {
    network: Network,
    address: Ipv4Addr,
    sockets: Mutex<HashMap<u16, Vec<Arc<Socket>>>>,
    redirect: RwLock<Option<Table>>,
    owners: AtomicU64,
    taps: Taps,
}

impl PodNetwork {
    pub(super) fn new(network: Network, address: Ipv4Addr) -> Self {
        Self {
            network,
            address,
            sockets: Mutex::default(),
            redirect: RwLock::default(),
            owners: AtomicU64::default(),
            taps: Taps::default(),
        }
    }

    /// The network this pod is part of.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The pod's address.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Who looks on at the pod's connections with other machines.
    pub fn taps(&self) -> &Taps {
        &self.taps
    }

    /// A new owner of sockets.
    pub fn owner(&self) -> Owner {
        Owner(self.owners.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes out all sockets of an owner that has ended, as a kernel closes the sockets of a dead process; the tasks
    /// that hold them may take a moment longer to go.
    pub fn close(&self, owner: Owner) {
        let mut sockets = lock(&self.sockets);
        sockets.retain(|_, same_port| {
            same_port.retain(|socket| socket.owner != owner);
            !same_port.is_empty()
        });
    }

    /// Listens on an address of the pod; port 0 picks a free one.
    ///
    /// # Errors
    /// `AddrNotAvailable` for an address that is not the pod's, `AddrInUse` for one that is taken.
    pub fn listen(self: &Arc<Self>, address: SocketAddr, owner: Owner) -> io::Result<Listener> {
        let ours = match address.ip() {
            IpAddr::V4(ip) => ip.is_unspecified() || ip.is_loopback() || ip == self.address,
            IpAddr::V6(ip) => ip.is_unspecified() || ip.is_loopback(),
        };
        if !ours {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        Ok(Box::new(VirtualListener::open(self, address, owner)?))
    }

    /// Replaces the redirect rules.
    pub fn set_redirect(&self, redirect: &Redirect) {
        *write(&self.redirect) = Some(redirect.table(Family::Ip));
    }

    /// The port that a connection goes to instead of the one that was dialled.
    pub(super) fn redirected(&self, hook: Hook, packet: &Packet) -> Option<u16> {
        read(&self.redirect).as_ref()?.decide(hook, packet)
    }

    /// The socket that a connection to `to` reaches inside this pod.
    pub(super) fn socket(&self, to: Ipv4Addr, port: u16) -> Option<Arc<Socket>> {
        lock(&self.sockets).get(&port)?.iter().find(|socket| covers(socket.bound.ip(), to)).cloned()
    }

    /// Enters a socket, choosing its port if `bound` leaves that open.
    pub(super) fn enter(
        &self,
        mut bound: SocketAddr,
        make: impl FnOnce(SocketAddr) -> Socket,
    ) -> io::Result<Arc<Socket>> {
        let mut sockets = lock(&self.sockets);
        if bound.port() == 0 {
            let free = (FIRST_EPHEMERAL..=u16::MAX).find(|port| !sockets.contains_key(port));
            bound.set_port(free.ok_or(io::ErrorKind::AddrInUse)?);
        }
        let same_port = sockets.entry(bound.port()).or_default();
        if same_port.iter().any(|other| overlaps(other.bound.ip(), bound.ip())) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let socket = Arc::new(make(bound));
        same_port.push(socket.clone());
        Ok(socket)
    }

    /// Takes a socket out.
    pub(super) fn leave(&self, socket: &Arc<Socket>) {
        let mut sockets = lock(&self.sockets);
        let port = socket.bound.port();
        if let Some(same_port) = sockets.get_mut(&port) {
            same_port.retain(|other| !Arc::ptr_eq(other, socket));
            if same_port.is_empty() {
                sockets.remove(&port);
            }
        }
    }
}

impl Drop for PodNetwork {
    fn drop(&mut self) {
        self.network.release(self.address);
    }
}

/// Whether a socket bound to `bound` takes connections to the IPv4 address `to` (`::` takes IPv4 too).
fn covers(bound: IpAddr, to: Ipv4Addr) -> bool {
    bound.is_unspecified() || bound == IpAddr::V4(to)
}

fn overlaps(one: IpAddr, other: IpAddr) -> bool {
    one == other || one.is_unspecified() || other.is_unspecified()
}
