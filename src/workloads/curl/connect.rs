//! From a URL to a connection: look-up, TCP, TLS.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{
    arguments::{HttpVersion, Options},
    failure::Failure,
    report::{Phase, Report},
    tls,
    url::{Scheme, Url},
    wire::{Witness, Witnessed},
};
use crate::{
    host::{Host, Output},
    host_println,
};

/// What HTTP is spoken over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to a server.
pub(super) struct Connection {
    pub(super) stream: Box<dyn Stream>,
    pub(super) witness: Witness,
    pub(super) is_http2: bool,
}

/// Connects to the server of `url`, noting in `report` how far it came.
pub(super) async fn connect(
    host: &dyn Host,
    options: &Options,
    url: &Url,
    report: &mut Report,
) -> Result<Connection, Failure> {
    report.phase = Phase::Resolving;
    let (name, port) = options.target(url);
    let addresses = resolve(host, options, &name, port).await?;
    report.resolved = report.elapsed();
    report.phase = Phase::Connecting;
    let stream = dial(host, options, (&name, port), &addresses, report).await?;
    report.connected = report.elapsed();
    report.connects += 1;
    report.local = stream.local_addr().ok();
    let is_prior_knowledge = options.http == HttpVersion::TwoPriorKnowledge;
    match url.scheme {
        Scheme::Http => {
            let (stream, witness) = Witnessed::new(stream);
            Ok(Connection { stream: Box::new(stream), witness, is_http2: is_prior_knowledge })
        }
        Scheme::Https => {
            report.phase = Phase::Handshaking;
            let (stream, is_http2) = secure(host, options, url, stream, report).await?;
            let (stream, witness) = Witnessed::new(stream);
            Ok(Connection { stream: Box::new(stream), witness, is_http2: is_http2 || is_prior_knowledge })
        }
    }
}

async fn resolve(host: &dyn Host, options: &Options, name: &str, port: u16) -> Result<Vec<IpAddr>, Failure> {
    let given = options.resolve.iter().find(|given| (given.host == name || given.host == "*") && given.port == port);
    let mut addresses = match (given, name.parse::<IpAddr>()) {
        (Some(given), _) => given.addresses.clone(),
        (None, Ok(address)) => vec![address],
        // Whatever went wrong, to the one who asks the name has no address.
        (None, Err(_)) => host.resolve(name).await.map_err(|_| Failure::not_resolved(name))?,
    };
    if let Some(family) = options.family {
        addresses.retain(|address| family.has(address));
    }
    if addresses.is_empty() { Err(Failure::not_resolved(name)) } else { Ok(addresses) }
}

/// Tries one address after the other.
async fn dial(
    host: &dyn Host,
    options: &Options,
    (name, port): (&str, u16),
    addresses: &[IpAddr],
    report: &mut Report,
) -> Result<TcpStream, Failure> {
    let mut is_timeout = false;
    for address in addresses {
        let to = SocketAddr::new(*address, port);
        tell(host, options, || format!("  Trying {to}..."));
        match host.connect(to, None).await {
            Ok(stream) => {
                // A request is written in one piece; the last bytes of a long one must not wait for an answer.
                let _ = stream.set_nodelay(true);
                report.remote = Some(to);
                tell(host, options, || format!("Connected to {name} ({address}) port {port}"));
                return Ok(stream);
            }
            Err(error) => {
                tell(host, options, || {
                    format!("connect to {address} port {port} failed: {}", super::wire::words(&error))
                });
                is_timeout = error.kind() == io::ErrorKind::TimedOut;
            }
        }
    }
    let after = report.elapsed();
    let failure = if is_timeout { Failure::connect_timed_out } else { Failure::not_connected };
    Err(failure(name, port, after))
}

async fn secure(
    host: &dyn Host,
    options: &Options,
    url: &Url,
    stream: TcpStream,
    report: &mut Report,
) -> Result<(impl Stream + use<>, bool), Failure> {
    match tls::handshake(host, options, url, stream).await {
        Ok((stream, verify_result)) => {
            report.verify_result = verify_result;
            report.shaken = report.elapsed();
            for line in tls::describe(&stream) {
                tell(host, options, || line);
            }
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            Ok((stream, is_http2))
        }
        Err((failure, verify_result)) => {
            report.verify_result = verify_result;
            Err(failure)
        }
    }
}

/// Says what happens, if that was asked for (`-v`).
pub(super) fn tell(host: &dyn Host, options: &Options, line: impl FnOnce() -> String) {
    if options.verbose {
        host_println!(host, Output::Stderr, "* {}", line());
    }
}
