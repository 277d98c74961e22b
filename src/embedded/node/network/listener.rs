//! A listening socket of a pod: a real one on the loopback interface, reachable only by registered connections.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{Arc, Mutex, Weak},
};

use futures::future::BoxFuture;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::pod::PodNetwork;
use crate::{
    embedded::node::sync::lock,
    host::{Accepted, Listen},
};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// What the acceptor of a connection must know about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// The virtual address it comes from.
    pub(super) peer: Ipv4Addr,
    /// The port it comes from, if that is not the one of the real connection.
    pub(super) port: Option<u16>,
    /// Where it was dialled, before the sidecar's redirect.
    pub(super) orig_dst: SocketAddrV4,
}

/// One run of a container, as the owner of sockets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner(pub(super) u64);

/// One listening socket as the network sees it.
#[derive(Debug)]
pub(super) struct Socket {
    /// The virtual address it was bound to; unspecified for all of the pod's.
    pub(super) bound: SocketAddr,
    /// Who opened it.
    pub(super) owner: Owner,
    /// The real address behind it.
    real: SocketAddr,
    /// Connections on their way, by the real port they come from.
    pending: Mutex<HashMap<u16, Origin>>,
}

impl Socket {
    /// Makes a connection that this socket will accept.
    pub(super) async fn connect(&self, origin: Origin) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let registration = Registration { socket: self, port: socket.local_addr()?.port() };
        lock(&self.pending).insert(registration.port, origin);
        let stream = socket.connect(self.real).await?;
        std::mem::forget(registration);
        Ok(stream)
    }
}

/// Forgets a connection that was announced but not made.
struct Registration<'a> {
    socket: &'a Socket,
    port: u16,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        lock(&self.socket.pending).remove(&self.port);
    }
}

/// The program's end of a [`Socket`]; closing it takes the socket out of the network.
pub(super) struct VirtualListener {
    inner: TcpListener,
    socket: Arc<Socket>,
    pod: Weak<PodNetwork>,
}

impl VirtualListener {
    /// Opens the real socket behind `bound` and enters it into the pod's table.
    pub(super) fn open(pod: &Arc<PodNetwork>, bound: SocketAddr, owner: Owner) -> io::Result<Self> {
        let real = TcpSocket::new_v4()?;
        real.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let inner = real.listen(BACKLOG)?;
        let real = inner.local_addr()?;
        let socket = pod.enter(bound, |bound| Socket { bound, owner, real, pending: Mutex::default() })?;
        Ok(Self { inner, socket, pod: Arc::downgrade(pod) })
    }
}

impl Listen for VirtualListener {
    fn local_addr(&self) -> SocketAddr {
        self.socket.bound
    }

    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>> {
        Box::pin(async move {
            loop {
                let (stream, real) = self.inner.accept().await?;
                // Whoever is not announced comes from outside the virtual network: another user of this machine.
                let announced = lock(&self.socket.pending).remove(&real.port());
                if let Some(Origin { peer, port, orig_dst }) = announced {
                    let peer = SocketAddr::from((peer, port.unwrap_or(real.port())));
                    return Ok(Accepted { stream, peer, orig_dst: orig_dst.into() });
                }
                tracing::debug!(%real, listener = %self.socket.bound, "dropped a connection from outside");
            }
        })
    }
}

impl Drop for VirtualListener {
    fn drop(&mut self) {
        if let Some(pod) = self.pod.upgrade() {
            pod.leave(&self.socket);
        }
    }
}
