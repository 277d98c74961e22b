//! A network of pods inside this process, with the redirection that `istio-init` would install.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex},
};

use futures::{FutureExt as _, future::BoxFuture};
use labctl::host::{Accepted, Host, Listen, Listener, Output, Redirect, os::OsHost};
use tokio::{
    io::AsyncRead,
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

const INBOUND: u16 = 15006;
const OUTBOUND: u16 = 15001;

/// All pods: what listens at which of their ports is a socket of the loopback interface.
#[derive(Clone, Default)]
pub struct Net(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    listeners: HashMap<SocketAddr, SocketAddr>,
    dialled: HashMap<SocketAddr, SocketAddr>,
}

impl Net {
    /// Listens as an application of a pod.
    pub async fn app(&self, address: SocketAddr) -> TcpListener {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.register(address, listener.local_addr().unwrap());
        listener
    }

    /// Connects from outside the mesh.
    pub async fn dial(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let sidecar = self.lookup(SocketAddr::new(to.ip(), INBOUND));
        self.connect(sidecar.or_else(|| self.lookup(to)), to).await
    }

    /// Connects as the application of a pod.
    pub async fn dial_from(&self, pod: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
        self.connect(self.lookup(SocketAddr::new(pod, OUTBOUND)), to).await
    }

    /// Connects to one of a pod's own ports, such as 15021.
    pub async fn dial_port(&self, to: SocketAddr) -> io::Result<TcpStream> {
        self.connect(self.lookup(to), to).await
    }

    /// The socket behind an address of this network.
    pub fn real(&self, address: SocketAddr) -> SocketAddr {
        self.lookup(address).unwrap()
    }

    async fn connect(&self, real: Option<SocketAddr>, dialled: SocketAddr) -> io::Result<TcpStream> {
        let real = real.ok_or(io::ErrorKind::ConnectionRefused)?;
        let socket = TcpSocket::new_v4()?;
        socket.bind("127.0.0.1:0".parse().unwrap())?;
        self.0.lock().unwrap().dialled.insert(socket.local_addr()?, dialled);
        socket.connect(real).await
    }

    fn register(&self, address: SocketAddr, real: SocketAddr) {
        self.0.lock().unwrap().listeners.insert(address, real);
    }

    fn lookup(&self, address: SocketAddr) -> Option<SocketAddr> {
        self.0.lock().unwrap().listeners.get(&address).copied()
    }
}

/// A pod as its sidecar sees it.
pub struct Pod {
    net: Net,
    address: IpAddr,
    stop: CancellationToken,
    stdout: watch::Sender<Vec<u8>>,
    listening: watch::Sender<usize>,
}

impl Pod {
    pub fn new(net: &Net, address: IpAddr) -> Self {
        let (stdout, listening) = (watch::Sender::new(Vec::new()), watch::Sender::new(0));
        Self { net: net.clone(), address, stop: CancellationToken::new(), stdout, listening }
    }

    /// What was printed to standard output.
    pub fn stdout(&self) -> watch::Receiver<Vec<u8>> {
        self.stdout.subscribe()
    }

    /// Waits until as many sockets listen.
    pub async fn listens(&self, count: usize) {
        self.listening.subscribe().wait_for(|listening| *listening == count).await.unwrap();
    }
}

struct PodListener {
    net: Net,
    own: SocketAddr,
    socket: TcpListener,
}

impl Listen for PodListener {
    fn local_addr(&self) -> SocketAddr {
        self.own
    }

    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>> {
        async {
            let (stream, peer) = self.socket.accept().await?;
            let orig_dst = self.net.0.lock().unwrap().dialled.remove(&peer).unwrap_or(self.own);
            Ok(Accepted { stream, peer, orig_dst })
        }
        .boxed()
    }
}

impl Host for Pod {
    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Listener>> {
        async move {
            let own = SocketAddr::new(self.address, address.port());
            let socket = self.net.app(own).await;
            self.listening.send_modify(|count| *count += 1);
            Ok(Box::new(PodListener { net: self.net.clone(), own, socket }) as Listener)
        }
        .boxed()
    }

    fn connect(&self, to: SocketAddr, _from: Option<IpAddr>) -> BoxFuture<'_, io::Result<TcpStream>> {
        async move {
            if to.ip() == self.address {
                self.net.connect(self.net.lookup(to), to).await
            } else {
                self.net.dial(to).await
            }
        }
        .boxed()
    }

    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        OsHost.resolve(name).map(|_| Err(io::ErrorKind::NotFound.into())).boxed()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        OsHost.read(path)
    }

    fn write(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        OsHost.write(path, contents)
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn stdin(&self) -> Box<dyn AsyncRead + Send + Unpin> {
        Box::new(tokio::io::empty())
    }

    fn print(&self, output: Output, bytes: &[u8]) {
        match output {
            Output::Stdout => self.stdout.send_modify(|text| text.extend_from_slice(bytes)),
            Output::Stderr => eprint!("{}", String::from_utf8_lossy(bytes)),
        }
    }

    fn shutdown(&self) -> CancellationToken {
        self.stop.clone()
    }

    fn redirect(&self, _redirect: &Redirect) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
