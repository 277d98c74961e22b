//! The seam between a bundled program and the machine it runs on.
//!
//! Every bundled program is written against [`Host`] and nothing else, so that the same code runs as an
//! operating-system process ([`os::OsHost`]) and inside a pod of the embedded node. What a program *does* is
//! its own business; this module only owns what it may *ask*.

pub mod os;
pub mod redirect;
pub mod tap;

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

use futures::future::BoxFuture;
use tokio::{io::AsyncRead, net::TcpStream};
use tokio_util::sync::CancellationToken;

pub use self::{
    redirect::{IpRange, Ports, Ranges, Redirect},
    tap::Tap,
};

/// A bundled program: takes its machine and its arguments (without the program's name), returns its exit code.
///
/// The returned future owns everything the program started: dropping it ends the program, as `SIGKILL` would.
/// Programs therefore keep their tasks in a [`tokio::task::JoinSet`] instead of detaching them.
pub type Program = fn(Arc<dyn Host>, Vec<String>) -> BoxFuture<'static, ExitStatus>;

/// The exit code of a program, from 0 (success) to 255, as a shell shows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExitStatus(pub u8);

impl ExitStatus {
    /// The program did what it was asked.
    pub const SUCCESS: Self = Self(0);
    /// The program failed and said why on its standard error.
    pub const FAILURE: Self = Self(1);
    /// The arguments made no sense.
    pub const USAGE: Self = Self(2);
}

/// Where a program's text goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Output {
    /// Messages for a person.
    Stderr,
    /// Data.
    Stdout,
}

/// What a bundled program may ask of its machine.
pub trait Host: Send + Sync + 'static {
    /// Listens on `address`; port 0 picks a free one. `[::]` means all addresses of the machine, IPv4 ones included,
    /// whether or not it has IPv6.
    ///
    /// # Errors
    /// `AddrInUse` if somebody listens there already, `AddrNotAvailable` if the address is not ours.
    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Listener>>;

    /// Connects to `to`, through whatever redirection the machine has for this program.
    ///
    /// `from` binds the source address; a sidecar uses 127.0.0.6 to reach its own application without being
    /// redirected to itself, as Istio does (`InboundPassthroughClusterIpv4`).
    ///
    /// # Errors
    /// As `connect(2)`: `ConnectionRefused`, `TimedOut`, `HostUnreachable`, ...
    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, io::Result<TcpStream>>;

    /// Resolves a name as the machine's resolver does (search domains included). Never answers an empty list.
    ///
    /// # Errors
    /// `NotFound` if the name does not exist; anything else is a failure of the resolver.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;

    /// Reads a whole file.
    ///
    /// # Errors
    /// As [`std::fs::read`].
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Replaces a whole file, readable by its owner only (mode 0600).
    ///
    /// # Errors
    /// As [`std::fs::write`].
    fn write(&self, path: &Path, contents: &[u8]) -> io::Result<()>;

    /// An environment variable, if it is set.
    fn env(&self, name: &str) -> Option<String>;

    /// Standard input; at its end at once where there is none.
    fn stdin(&self) -> Box<dyn AsyncRead + Send + Unpin>;

    /// Writes to standard output or standard error, unbuffered. A reader that went away is not an error.
    fn print(&self, output: Output, bytes: &[u8]);

    /// Cancelled when the machine asks the program to end (`SIGTERM`); the program then drains and returns.
    fn shutdown(&self) -> CancellationToken;

    /// Installs `redirect` for every program of this network namespace, replacing what was there.
    ///
    /// # Errors
    /// `PermissionDenied` without `NET_ADMIN`; `Unsupported` where the machine cannot redirect.
    fn redirect(&self, redirect: &Redirect) -> io::Result<()>;

    /// Looks on at this machine's connections with `peers` (with anybody if there are none) that begin from now on, as
    /// somebody on the way to them would.
    ///
    /// # Errors
    /// `Unsupported` where nobody can look on, `PermissionDenied` for a program that may not.
    fn tap(&self, _peers: BTreeSet<IpAddr>) -> BoxFuture<'_, io::Result<Tap>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    /// How often [`Host::tap`] was used on this machine. Connections that are kept for later are made anew when it
    /// changes, because a tap sees only those that begin after it.
    fn taps_opened(&self) -> u64 {
        0
    }

    /// Lets other programs of this machine tap the connections of this one, where the machine itself cannot be tapped.
    /// Never ends otherwise.
    ///
    /// # Errors
    /// If somebody else does that already.
    fn serve_taps(&self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(std::future::pending())
    }
}

/// Prints one line to a program's standard output or standard error.
#[macro_export]
macro_rules! host_println {
    ($host:expr, $output:expr, $($argument:tt)*) => {
        $crate::host::Host::print(&*$host, $output, format!("{}\n", format_args!($($argument)*)).as_bytes())
    };
}

/// A socket that accepts connections.
pub trait Listen: Send + Sync {
    /// The address listened on, as peers see it.
    fn local_addr(&self) -> SocketAddr;

    /// Waits for the next connection.
    ///
    /// # Errors
    /// As `accept(2)`; an error concerns one connection unless it repeats.
    fn accept(&self) -> BoxFuture<'_, io::Result<Accepted>>;
}

/// A listening socket of whichever machine.
pub type Listener = Box<dyn Listen>;

/// A connection that was made to us.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// Who made it (its address in the network it lives in).
    pub peer: SocketAddr,
    /// Where the peer dialled before any redirect (`OrigDst`); the listener's own address if there was none.
    pub orig_dst: SocketAddr,
}
