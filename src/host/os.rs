//! [`Host`] on the real machine: one operating-system process.
//!
//! Owns sockets, files, signals and standard streams. Redirection is read here (`SO_ORIGINAL_DST`) and, on Linux,
//! installed.

#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
pub mod nftables;
#[cfg(target_os = "linux")]
mod redirect;
pub mod resolve;
#[cfg(target_os = "linux")]
mod taps;

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::{LazyLock, OnceLock},
    thread,
};

use futures::{FutureExt as _, future::BoxFuture};
use socket2::{Domain, Socket, Type};
use tokio::{
    io::AsyncRead,
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::{
    Accepted, Host, Listen, Listener, Output, Redirect, Tap,
    tap::{Direction, Taps, Watched, relay::Near},
};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// The real machine, as this process sees it. All values are alike: the process has one set of signals.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsHost;

impl OsHost {
    /// Listens on `address` `count` times, so that as many runtimes can each accept a share of the connections
    /// (`SO_REUSEPORT`). With port 0 all of them share the one port that was picked.
    ///
    /// # Errors
    /// As [`Host::listen`]; a port that another process listens on is in use, even if that one shares it too.
    pub fn listen_shared(self, address: SocketAddr, count: usize) -> io::Result<Vec<SharedListener>> {
        // A first socket that does not share finds out whether somebody is there already.
        let address = std::net::TcpListener::from(bind(address, false)?).local_addr()?;
        (0..count).map(|_| Ok(SharedListener(listen(bind(address, true)?)?))).collect()
    }
}

/// A listening socket that has not been given to a runtime yet.
#[derive(Debug)]
pub struct SharedListener(std::net::TcpListener);

impl SharedListener {
    /// The address listened on.
    ///
    /// # Errors
    /// As `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Gives the socket to the runtime that this is called in.
    ///
    /// # Errors
    /// If the runtime cannot watch the socket.
    pub fn start(self) -> io::Result<Listener> {
        listener(TcpListener::from_std(self.0)?)
    }
}

impl Host for OsHost {
    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Listener>> {
        async move { listener(TcpListener::from_std(listen(bind(address, false)?)?)?) }.boxed()
    }

    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, io::Result<TcpStream>> {
        async move {
            let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if let Some(source) = from {
                socket.bind(SocketAddr::new(source, 0))?;
            }
            let stream = socket.connect(to).await?;
            match watched_client(&stream, to, from) {
                Some(watched) => Ok(Near::new().await?.join(stream, Direction::ToClient, vec![watched])),
                None => Ok(stream),
            }
        }
        .boxed()
    }

    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        resolve::resolve(name).boxed()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        const OWNER_ONLY: u32 = 0o600;
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(path)?;
        // An existing file keeps its mode when it is opened; a device such as /dev/null has to keep its own.
        if file.metadata()?.is_file() {
            file.set_permissions(fs::Permissions::from_mode(OWNER_ONLY))?;
        }
        file.write_all(contents)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn stdin(&self) -> Box<dyn AsyncRead + Send + Unpin> {
        Box::new(tokio::io::stdin())
    }

    fn print(&self, output: Output, bytes: &[u8]) {
        // A reader that went away is not an error: there is nobody left to tell.
        let _ = match output {
            Output::Stderr => io::stderr().write_all(bytes),
            Output::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
        };
    }

    fn shutdown(&self) -> CancellationToken {
        static TOKEN: OnceLock<CancellationToken> = OnceLock::new();
        TOKEN.get_or_init(watch_signals).clone()
    }

    #[cfg(target_os = "linux")]
    fn redirect(&self, redirect: &Redirect) -> io::Result<()> {
        redirect::install(redirect)
    }

    #[cfg(target_os = "linux")]
    fn tap(&self, peers: BTreeSet<IpAddr>) -> BoxFuture<'_, io::Result<Tap>> {
        async move { taps::open(&peers).await }.boxed()
    }

    fn taps_opened(&self) -> u64 {
        TAPS.opened()
    }

    #[cfg(target_os = "linux")]
    fn serve_taps(&self) -> BoxFuture<'_, io::Result<()>> {
        taps::serve(&TAPS).boxed()
    }

    #[cfg(not(target_os = "linux"))]
    fn redirect(&self, _redirect: &Redirect) -> io::Result<()> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "only Linux has redirect rules: give the sidecar explicit listeners and upstreams (`labctl sidecar \
             --config FILE`), or run the workload on the embedded cluster",
        ))
    }
}

/// Who looks on at the connections of this process.
static TAPS: LazyLock<Taps> = LazyLock::new(Taps::default);

/// Whoever looks on at a connection that was made. One that stays in the machine, as those to a sidecar's own
/// application do, is not on the way to anybody.
fn watched_client(stream: &TcpStream, to: SocketAddr, from: Option<IpAddr>) -> Option<Watched> {
    if TAPS.opened() == 0 || to.ip().is_loopback() || from.is_some() {
        return None;
    }
    TAPS.watch(canonical(stream.local_addr().ok()?), canonical(to), to.ip().to_canonical())
}

/// Whoever looks on at a connection that was accepted. What the machine redirected from its own programs ends at a
/// loopback address.
fn watched_server(peer: SocketAddr, orig_dst: SocketAddr, local: SocketAddr) -> Option<Watched> {
    if TAPS.opened() == 0 || local.ip().is_loopback() || peer.ip() == local.ip() {
        return None;
    }
    TAPS.watch(peer, orig_dst, peer.ip())
}

/// A TCP socket of the real machine that listens.
struct OsListener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listen for OsListener {
    fn local_addr(&self) -> SocketAddr {
        self.address
    }

    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>> {
        async move {
            let (stream, peer) = self.socket.accept().await?;
            let local = stream.local_addr()?;
            // A socket of both families has IPv4 addresses in the disguise of IPv6 ones.
            let orig_dst = canonical(original_destination(&stream, canonical(local)).unwrap_or(local));
            let peer = canonical(peer);
            let stream = match watched_server(peer, orig_dst, canonical(local)) {
                Some(watched) => Near::new().await?.join(stream, Direction::ToServer, vec![watched]),
                None => stream,
            };
            Ok(Accepted { stream, peer, orig_dst })
        }
        .boxed()
    }
}

fn listener(socket: TcpListener) -> io::Result<Listener> {
    let address = socket.local_addr()?;
    Ok(Box::new(OsListener { socket, address }))
}

/// Binds a TCP socket that does not listen yet.
fn bind(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let everywhere = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let (socket, address) = match Socket::new(Domain::for_address(address), Type::STREAM, None) {
        // A machine without IPv6: all of its addresses are IPv4 ones.
        Err(_) if everywhere => {
            let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            (Socket::new(Domain::IPV4, Type::STREAM, None)?, address)
        }
        socket => (socket?, address),
    };
    if everywhere && address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen(socket: Socket) -> io::Result<std::net::TcpListener> {
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Where a redirected connection was going (`SO_ORIGINAL_DST`); `None` without a redirect.
#[cfg(target_os = "linux")]
fn original_destination(stream: &TcpStream, local: SocketAddr) -> Option<SocketAddr> {
    let socket = socket2::SockRef::from(stream);
    let found = if local.is_ipv4() { socket.original_dst_v4() } else { socket.original_dst_v6() };
    found.ok()?.as_socket()
}

/// Only Linux tells where a redirected connection was going.
#[cfg(not(target_os = "linux"))]
fn original_destination(_stream: &TcpStream, _local: SocketAddr) -> Option<SocketAddr> {
    None
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Cancels the token it answers at the first `SIGTERM` or `SIGINT`; the second ends the process at once.
///
/// The signals are watched on a thread of their own, so that no runtime of the program has to be there first or
/// stay until the end.
fn watch_signals() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let watcher = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(wait_for_signals(&cancelled))
    });
    // Without the thread the signals keep their default action, which ends the process: still a shutdown.
    drop(watcher);
    token
}

async fn wait_for_signals(token: &CancellationToken) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    const INTERRUPTED: i32 = 130;
    const TERMINATED: i32 = 143;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let status = tokio::select! {
            _ = interrupt.recv() => INTERRUPTED,
            _ = terminate.recv() => TERMINATED,
        };
        if token.is_cancelled() {
            std::process::exit(status);
        }
        token.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connection_without_redirect_has_the_listener_as_its_original_destination() {
        let listener = OsHost.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr();
        let (client, accepted) = tokio::join!(OsHost.connect(address, None), listener.accept());
        let accepted = accepted.unwrap();
        assert_eq!(accepted.orig_dst, address);
        assert_eq!(accepted.peer, client.unwrap().local_addr().unwrap());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn source_address_is_bound() {
        let source = IpAddr::from([127, 0, 0, 6]);
        let listener = OsHost.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (client, accepted) = tokio::join!(OsHost.connect(listener.local_addr(), Some(source)), listener.accept());
        assert_eq!(client.unwrap().local_addr().unwrap().ip(), source);
        assert_eq!(accepted.unwrap().peer.ip(), source);
    }

    #[tokio::test]
    async fn address_in_use_is_an_error_for_sharing_listeners_too() {
        let taken = OsHost.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let shared = OsHost.listen_shared(taken.local_addr(), 2);
        assert_eq!(shared.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let alone = OsHost.listen(taken.local_addr()).await;
        assert_eq!(alone.err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
    }

    #[test]
    fn sharing_listeners_have_one_port() {
        let shared = OsHost.listen_shared(([127, 0, 0, 1], 0).into(), 3).unwrap();
        let ports: Vec<_> = shared.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0), "{ports:?}");
        assert_eq!(shared.len(), 3);
    }

    #[test]
    fn written_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        fs::write(&path, "older and longer").unwrap();
        OsHost.write(&path, b"new").unwrap();
        assert_eq!(OsHost.read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn addresses_resolve_to_themselves() {
        assert_eq!(OsHost.resolve("127.0.0.1").await.unwrap(), [IpAddr::from([127, 0, 0, 1])]);
        assert_eq!(OsHost.resolve("::1").await.unwrap(), [IpAddr::from(std::net::Ipv6Addr::LOCALHOST)]);
    }
}
