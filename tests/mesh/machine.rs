//! The mesh's programs on the real machine (`OsHost`): real sockets, no node, no virtual network.
//!
//! Only what a container would have of its own is put in their place: the files the kubelet mounts, the environment,
//! the names of the cluster's DNS, and ports that are free here.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use futures::future::BoxFuture;
use labctl::host::{ExitStatus, Host, Listener, Output, Redirect, os::OsHost};
use tokio::{io::AsyncRead, net::TcpStream, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Which real port of 127.0.0.1 stands for which port.
pub type Ports = watch::Sender<BTreeMap<u16, u16>>;

/// The real machine, as one program sees it.
pub struct Machine {
    files: BTreeMap<&'static str, String>,
    environment: BTreeMap<&'static str, String>,
    ports: Ports,
    shutdown: CancellationToken,
}

impl Machine {
    pub fn new(ports: &Ports, files: &[(&'static str, String)], environment: &[(&'static str, String)]) -> Self {
        Self {
            files: files.iter().cloned().collect(),
            environment: environment.iter().cloned().collect(),
            ports: ports.clone(),
            shutdown: CancellationToken::new(),
        }
    }

    /// Starts a bundled program; it ends when asked to.
    pub fn start(self, program: &str) -> (CancellationToken, JoinHandle<ExitStatus>) {
        let shutdown = self.shutdown.clone();
        let program = labctl::programs::find(program).unwrap();
        (shutdown, tokio::spawn(program(Arc::new(self), Vec::new())))
    }
}

/// Waits until somebody listens on this port; where that really is.
pub async fn real(ports: &Ports, port: u16) -> SocketAddr {
    let mut changes = ports.subscribe();
    let found = changes.wait_for(|ports| ports.contains_key(&port)).await.unwrap()[&port];
    SocketAddr::from((Ipv4Addr::LOCALHOST, found))
}

impl Host for Machine {
    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Listener>> {
        Box::pin(async move {
            let listener = OsHost.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
            let found = listener.local_addr().port();
            self.ports.send_modify(|ports| ports.extend([(address.port(), found)]));
            Ok(listener)
        })
    }

    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, io::Result<TcpStream>> {
        let port = self.ports.borrow().get(&to.port()).copied().unwrap_or(to.port());
        Box::pin(async move { OsHost.connect(SocketAddr::new(to.ip(), port), from).await })
    }

    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        assert!(name.ends_with(".svc"), "{name} is a name of the cluster");
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.files.get(path.to_str().unwrap()).ok_or(io::ErrorKind::NotFound)?;
        Ok(file.clone().into_bytes())
    }

    fn write(&self, path: &Path, _: &[u8]) -> io::Result<()> {
        // Keys are kept in memory; nothing of the mesh has a reason to write.
        panic!("{} is written", path.display())
    }

    fn env(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }

    fn stdin(&self) -> Box<dyn AsyncRead + Send + Unpin> {
        OsHost.stdin()
    }

    fn print(&self, _: Output, bytes: &[u8]) {
        // For the test's own output, which is shown when it fails.
        eprint!("{}", String::from_utf8_lossy(bytes));
    }

    fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    fn redirect(&self, redirect: &Redirect) -> io::Result<()> {
        OsHost.redirect(redirect)
    }
}
