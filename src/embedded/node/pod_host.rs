//! The machine that a program in a pod of the embedded node sees.
//!
//! Nothing here reaches the real machine: files and environment are the container's own, the network is virtual.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex},
};

use futures::future::BoxFuture;
use tokio::{io::AsyncRead, net::TcpStream};
use tokio_util::sync::CancellationToken;

use super::{
    dns::Resolver,
    files::FileSystem,
    network::{Owner, PodNetwork, Source},
    sync::lock,
};
use crate::host::{Host, Listener, Output, Redirect, Tap};

/// Takes what a program prints.
pub trait Sink: Send + Sync + 'static {
    /// Takes some bytes; never waits.
    fn write(&self, output: Output, bytes: &[u8]);
}

/// A program's standard input.
pub type Input = Box<dyn AsyncRead + Send + Unpin>;

/// One run of a container: what its program and every program executed in it share.
#[derive(Debug)]
pub struct Container {
    /// The pod's place in the network.
    pub network: Arc<PodNetwork>,
    /// Whose sockets its programs open.
    pub owner: Owner,
    /// How names are resolved.
    pub resolver: Resolver,
    /// The user it runs as.
    pub uid: u32,
    /// The group it runs as.
    pub gid: u32,
    /// Whether it may change the pod's redirect rules (capability `NET_ADMIN`).
    pub net_admin: bool,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Its files.
    pub files: FileSystem,
    /// Cancelled when the run is over; commands executed in the container end with it.
    pub ended: CancellationToken,
}

/// The machine of one program in a container.
pub struct PodHost {
    container: Arc<Container>,
    output: Arc<dyn Sink>,
    stdin: Mutex<Option<Input>>,
    shutdown: CancellationToken,
}

impl PodHost {
    /// Makes the machine for one program.
    pub fn new(
        container: Arc<Container>,
        output: Arc<dyn Sink>,
        stdin: Option<Input>,
        shutdown: CancellationToken,
    ) -> Self {
        Self { container, output, stdin: Mutex::new(stdin), shutdown }
    }
}

impl Host for PodHost {
    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Listener>> {
        Box::pin(async move { self.container.network.listen(address, self.container.owner) })
    }

    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, io::Result<TcpStream>> {
        let pod = &self.container.network;
        let source = Source { uid: self.container.uid, gid: self.container.gid, from };
        Box::pin(async move { pod.network().connect(pod, source, to).await })
    }

    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let services = self.container.network.network().services();
        Box::pin(async move { self.container.resolver.resolve(&services, name) })
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.container.files.read(path)
    }

    fn write(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        self.container.files.write(path, contents)
    }

    fn env(&self, name: &str) -> Option<String> {
        self.container.env.get(name).cloned()
    }

    fn stdin(&self) -> Input {
        lock(&self.stdin).take().unwrap_or_else(|| Box::new(tokio::io::empty()))
    }

    fn print(&self, output: Output, bytes: &[u8]) {
        self.output.write(output, bytes);
    }

    fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    fn redirect(&self, redirect: &Redirect) -> io::Result<()> {
        if !self.container.net_admin {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.container.network.set_redirect(redirect);
        Ok(())
    }

    fn tap(&self, peers: BTreeSet<IpAddr>) -> BoxFuture<'_, io::Result<Tap>> {
        Box::pin(async { self.container.network.taps().open(peers) })
    }

    fn taps_opened(&self) -> u64 {
        self.container.network.taps().opened()
    }
}
