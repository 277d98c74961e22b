//! Connections to our application: look at the first bytes, admit by the port's mode, forward.

mod admission;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use tokio::net::TcpStream;

use self::admission::{Action, Inside, Seen};
use super::{
    access_log::{Direction, Transport},
    config::{InboundPort, Protocol, ProxyConfig},
    engine::Engine,
    facts::Facts,
    forward,
    http::{self as proxy, Client, Proxy},
    routing::{Destination, Route},
    sniff::{self, First, Guess, Hello},
    stream::{self, Prefixed, Stream},
    telemetry::Series,
    tls::{ISTIO_ALPN, ISTIO_HTTP_ALPN, Peer, failure::refused_client},
};
use crate::host::{Accepted, redirect::rules::Family};

/// The source address that tells the machine's redirect rules that a connection is for the application at `address`
/// itself (Istio's `InboundPassthroughClusterIpv4` and `...Ipv6`).
pub(crate) fn source_to(address: IpAddr) -> IpAddr {
    let family = if address.is_ipv4() { Family::Ip } else { Family::Ip6 };
    family.passthrough()
}

/// Where an inbound connection is to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Application {
    /// The application's address.
    pub address: SocketAddr,
    /// The source address used to reach it.
    pub source: Option<IpAddr>,
    /// The port that the configuration knows.
    pub port: u16,
}

/// One inbound connection, past the gathering of facts.
struct Inbound {
    engine: Arc<Engine>,
    facts: Facts,
    application: Application,
    port: InboundPort,
    /// What the client began with, if it was looked at.
    seen: Option<Seen>,
}

/// Serves one connection to the application.
pub(crate) async fn serve(engine: Arc<Engine>, accepted: Accepted, application: Application) {
    let Accepted { stream, peer, orig_dst } = accepted;
    // Without it, small writes wait for acknowledgements; failing to set it costs time, not correctness.
    let _ = stream.set_nodelay(true);
    let port = port_policy(&engine.snapshot().config, application.port);
    let facts = Facts {
        direction: Direction::Inbound,
        source: peer,
        destination: orig_dst,
        port: Some(application.port),
        mode: Some(port.mode),
        transport: Transport::Plaintext,
        peer: None,
    };
    Inbound { engine, facts, application, port, seen: None }.admit(stream).await;
}

/// What holds on a workload port.
pub(super) fn port_policy(config: &ProxyConfig, port: u16) -> InboundPort {
    let unnamed = InboundPort { mode: config.inbound.mode, protocol: Protocol::Detect };
    config.inbound.ports.get(&port).copied().unwrap_or(unnamed)
}

impl Inbound {
    async fn admit(mut self, mut stream: TcpStream) {
        if !admission::looks_first(self.port) {
            return self.relay(Stream::Plain(Prefixed::new(Bytes::new(), stream))).await;
        }
        // A client that goes away before it said anything is nobody's business.
        let Ok(first) = sniff::first(&mut stream).await else { return };
        let seen = match &first {
            First::Nothing => return,
            First::Plaintext(_) => Seen::Plaintext,
            First::Tls(hello) => Seen::Tls { istio: ISTIO_ALPN.iter().any(|protocol| hello.offers(protocol)) },
            First::Unreadable(_) => Seen::Tls { istio: false },
        };
        self.seen = Some(seen);
        let action = admission::action(self.port, seen);
        match (action, first) {
            (Action::Terminate(inside), First::Tls(hello)) => self.terminate(*hello, inside, stream).await,
            (Action::Terminate(_), _) => self.refuse(&stream, "the client's TLS handshake cannot be read"),
            (Action::Refuse(cause), First::Tls(_) | First::Unreadable(_)) => {
                self.facts.transport = Transport::Tls;
                self.refuse(&stream, cause);
            }
            (Action::Refuse(cause), _) => self.refuse(&stream, cause),
            (Action::AnswerBadRequest, _) => self.answer_bad_request(stream).await,
            (Action::Http, First::Plaintext(bytes)) => self.plain_http(stream, bytes, None).await,
            (Action::Detect, First::Plaintext(bytes)) => self.detect(stream, bytes).await,
            (Action::Http | Action::Detect | Action::Pass, first) => self.pass(stream, first).await,
        }
    }

    /// Bytes as they came.
    async fn pass(mut self, stream: TcpStream, first: First) {
        let bytes = match first {
            First::Nothing => Bytes::new(),
            First::Plaintext(bytes) => bytes,
            First::Tls(hello) => {
                self.facts.transport = Transport::Tls;
                hello.raw
            }
            First::Unreadable(bytes) => {
                self.facts.transport = Transport::Tls;
                bytes
            }
        };
        self.relay(Stream::Plain(Prefixed::new(bytes, stream))).await;
    }

    async fn detect(self, mut stream: TcpStream, bytes: Bytes) {
        match sniff::http(&mut stream, bytes).await {
            Ok((Guess::Opaque, bytes)) => self.relay(Stream::Plain(Prefixed::new(bytes, stream))).await,
            Ok((guess, bytes)) => self.plain_http(stream, bytes, Some(guess)).await,
            Err(_) => {}
        }
    }

    async fn plain_http(self, stream: TcpStream, bytes: Bytes, guess: Option<Guess>) {
        let series = self.series();
        self.http(Stream::Plain(Prefixed::new(bytes, stream)), guess, Client::Unproved { series }).await;
    }

    /// Ends the client's TLS here: it must prove to be of the mesh.
    async fn terminate(mut self, hello: Hello, inside: Inside, stream: TcpStream) {
        self.facts.transport = Transport::Tls;
        let istio_http = ISTIO_HTTP_ALPN.iter().any(|protocol| hello.offers(protocol));
        let http = inside == Inside::Http || (inside == Inside::AsOffered && istio_http);
        let server = self.engine.snapshot().server.clone();
        let stream = match server.accept(hello, http, stream).await {
            Ok(stream) => stream,
            Err(error) => return self.facts.refused(&self.engine, &refused_client(&error)),
        };
        let session = stream.get_ref().1;
        let guess = match session.alpn_protocol() {
            Some(b"h2") => Some(Guess::Http2),
            Some(b"http/1.1") => Some(Guess::Http1),
            _ => None,
        };
        // The verifier lets nobody in without a certificate.
        let peer = session.peer_certificates().and_then(<[_]>::first).map(Peer::new).unwrap_or_default();
        self.facts.transport = Transport::Mtls;
        self.facts.peer = peer.id();
        if http {
            let client = self.proved(&peer);
            self.http(Stream::Server(stream), guess, client).await;
        } else {
            self.relay(Stream::Server(stream)).await;
        }
    }

    fn proved(&self, peer: &Peer) -> Client {
        let xfcc = proxy::forwarded(peer, &self.engine);
        Client::Proved { xfcc, series: self.series() }
    }

    fn series(&self) -> Arc<Series> {
        self.engine.telemetry.series(&self.facts.labels(&self.engine))
    }

    async fn http(self, stream: Stream, guess: Option<Guess>, client: Client) {
        let stop = self.until_stop();
        let Self { engine, facts, application, port, .. } = self;
        let cluster = engine.bare(application.address, application.source, port.protocol);
        proxy::serve(Proxy { engine, facts, route: Route::Fixed(cluster), client }, stream, guess, stop).await;
    }

    async fn relay(self, stream: Stream) {
        let Self { engine, facts, application, port, .. } = &self;
        let destination = Destination::any_of(engine.bare(application.address, application.source, port.protocol));
        let series = self.series();
        let stop = self.until_treated_otherwise();
        forward::relay_to(engine, facts, &destination, |_| series, stream, stop).await;
    }

    fn refuse(self, stream: &TcpStream, cause: &str) {
        stream::reset(stream);
        self.facts.refused(&self.engine, cause);
    }

    /// What an HTTP server does with a ClientHello.
    async fn answer_bad_request(mut self, stream: TcpStream) {
        self.facts.transport = Transport::Tls;
        forward::answer_bad_request(stream).await;
        self.facts.refused(&self.engine, "the client speaks TLS to an HTTP port whose mode is DISABLE");
    }

    /// Ends when the sidecar drains, or when such a connection would be treated otherwise now.
    fn until_stop(&self) -> impl Future<Output = ()> + use<> {
        let (draining, otherwise) = (self.engine.draining.clone(), self.until_treated_otherwise());
        async move {
            tokio::select! {
                () = draining.cancelled() => {}
                () = otherwise => {}
            }
        }
    }

    /// Ends when a change of the port's policy would treat this connection otherwise than when it was admitted.
    /// Requests that are being answered are finished, opaque connections are cut: in Istio the changed listener
    /// drains both, the latter after 45 s.
    fn until_treated_otherwise(&self) -> impl Future<Output = ()> + use<> {
        let (number, admitted, seen) = (self.application.port, self.port, self.seen);
        let mut changes = self.engine.config_changes();
        async move {
            while admission::alike(admitted, port_policy(&changes.borrow_and_update(), number), seen) {
                if changes.changed().await.is_err() {
                    // Nobody is left who could change it.
                    return std::future::pending().await;
                }
            }
        }
    }
}
