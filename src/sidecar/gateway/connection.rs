//! One connection from outside.

use std::sync::Arc;

use http::HeaderValue;
use tokio::net::TcpStream;

use super::{
    Door, Listener,
    server::{Action, Passage, Server, Terminal},
};
use crate::{
    host::Accepted,
    sidecar::{
        access_log::{Direction, Transport},
        config::{Protocol, routing},
        engine::Engine,
        facts::Facts,
        forward,
        http::{self as proxy, Client, Proxy},
        routing::{Destination, Route, chosen_service},
        snapshot::Snapshot,
        sniff::{self, First, Guess, Hello},
        stream::{self, Prefixed, Stream},
        tls::{Peer, failure::refused_client},
        upstream::{Established, Upstream},
    },
};

/// Serves one connection to a listener of the gateway.
pub(crate) async fn serve(engine: Arc<Engine>, accepted: Accepted, port: u16) {
    let Accepted { mut stream, peer, orig_dst } = accepted;
    // Without it, small writes wait for acknowledgements; failing to set it costs time, not correctness.
    let _ = stream.set_nodelay(true);
    let facts = Facts {
        direction: Direction::Outbound,
        source: peer,
        destination: orig_dst,
        port: None,
        mode: None,
        transport: Transport::Plaintext,
        peer: None,
    };
    // A client that goes away before it said anything is nobody's business.
    let Ok(first) = sniff::first(&mut stream).await else { return };
    let snapshot = engine.snapshot();
    let Some(listener) = snapshot.gateway.listeners.get(&port) else {
        stream::reset(&stream);
        return facts.refused(&engine, "no Gateway asks for this port any more");
    };
    let door = Door { port, number: listener.number, server_name: None };
    let incoming = Incoming { engine: engine.clone(), facts, door };
    match first {
        First::Nothing => {}
        First::Plaintext(bytes) if listener.http.is_some() => {
            incoming.http(Stream::Plain(Prefixed::new(bytes, stream)), None, None).await;
        }
        First::Plaintext(_) => {
            incoming.refuse(&stream, "the client spoke plaintext to a port where the gateway speaks TLS only");
        }
        First::Tls(_) | First::Unreadable(_) if listener.servers.is_empty() => {
            forward::answer_bad_request(stream).await;
            incoming.facts.refused(&engine, "the client speaks TLS to a port where the gateway speaks plaintext HTTP");
        }
        First::Tls(hello) => incoming.tls(&snapshot, listener, *hello, stream).await,
        First::Unreadable(_) => incoming.refuse(&stream, "the client's TLS handshake cannot be read"),
    }
}

/// A connection, past the gathering of facts.
struct Incoming {
    engine: Arc<Engine>,
    facts: Facts,
    door: Door,
}

impl Incoming {
    async fn tls(mut self, snapshot: &Snapshot, listener: &Listener, hello: Hello, stream: TcpStream) {
        let name = hello.accepted.client_hello().server_name().unwrap_or_default().to_owned();
        self.door.server_name = Some(name.clone());
        match listener.server(&name).map(|server: &Server| &server.action) {
            None => {
                let cause = format!("no server of a Gateway is for the server name `{name}`");
                self.refuse(&stream, &cause);
            }
            Some(Action::AutoPassthrough) => {
                let destination = by_server_name(&self.engine, snapshot, &name);
                self.pass(destination, hello, stream).await;
            }
            Some(Action::Passthrough(passages)) => {
                let chosen = Passage::find(passages, &name);
                let destination = chosen.and_then(|chosen| chosen_service(snapshot, chosen, self.door.number));
                self.pass(destination, hello, stream).await;
            }
            Some(Action::Terminate(terminal)) => self.terminate(snapshot, terminal, hello, stream).await,
        }
    }

    /// Passes bytes on as they came.
    async fn pass(self, destination: Option<Destination>, hello: Hello, stream: TcpStream) {
        let Some(destination) = destination else {
            return self.refuse(&stream, "no route is for the server name that the client sent");
        };
        let series =
            |connected: Option<(&Upstream, &Established)>| destination.series_of_bytes(&self.engine, connected);
        let stream = Stream::Plain(Prefixed::new(hello.raw, stream));
        forward::relay_to(&self.engine, &self.facts, &destination, series, stream, std::future::pending()).await;
    }

    /// Ends the client's TLS here.
    async fn terminate(self, snapshot: &Snapshot, terminal: &Terminal, hello: Hello, stream: TcpStream) {
        let tls = match terminal.tls(&*self.engine.host, snapshot) {
            Ok(tls) => tls,
            Err(error) => {
                let cause = format!("the gateway has no certificate for this connection: {error}");
                return self.refuse(&stream, &cause);
            }
        };
        let stream = match tls.accept(hello, true, stream).await {
            Ok(stream) => stream,
            Err(error) => return self.facts.refused(&self.engine, &refused_client(&error)),
        };
        let session = stream.get_ref().1;
        let guess = match session.alpn_protocol() {
            Some(b"h2") => Some(Guess::Http2),
            Some(b"http/1.1") => Some(Guess::Http1),
            _ => None,
        };
        let peer = session.peer_certificates().and_then(<[_]>::first).map(Peer::new);
        let xfcc = peer.map(|peer| proxy::forwarded(&peer, &self.engine));
        self.http(Stream::Server(stream), guess, xfcc).await;
    }

    async fn http(self, stream: Stream, guess: Option<Guess>, xfcc: Option<HeaderValue>) {
        let draining = self.engine.draining.clone();
        let client = Client::Outside { xfcc, address: self.facts.source.ip() };
        let Self { engine, facts, door } = self;
        let proxy = Proxy { engine, facts, route: Route::Gateway(door), client };
        proxy::serve(proxy, stream, guess, draining.cancelled()).await;
    }

    fn refuse(mut self, stream: &TcpStream, cause: &str) {
        stream::reset(stream);
        if self.door.server_name.is_some() {
            self.facts.transport = Transport::Tls;
        }
        self.facts.refused(&self.engine, cause);
    }
}

/// AUTO_PASSTHROUGH: the endpoints that a server name means, of those that speak the mesh's TLS, whose handshake the
/// client means to have with them.
fn by_server_name(engine: &Engine, snapshot: &Snapshot, name: &str) -> Option<Destination> {
    let wanted = named(name)?;
    let service = chosen_service(snapshot, &wanted, 0)?;
    let capable = service.cluster.upstreams.iter().filter(|upstream| upstream.tls.is_some());
    let addresses: Vec<_> = capable.map(|upstream| upstream.address).collect();
    let chosen = addresses.get(engine.turn() % addresses.len().max(1))?;
    Some(Destination::any_of(engine.bare(*chosen, None, Protocol::Tcp)))
}

/// What a server name of the mesh means: `outbound_.8000_.v1_.httpbin.foo.svc.cluster.local` is port 8000 of that host,
/// its subset `v1`; without a subset there is nothing between the last two underscores but a dot.
fn named(name: &str) -> Option<routing::Destination> {
    let mut parts = name.strip_prefix("outbound_.")?.splitn(3, "_.");
    let (port, subset, host) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
    let subset = Some(subset.to_owned()).filter(|subset| !subset.is_empty());
    (!host.is_empty()).then(|| routing::Destination { host: host.to_owned(), port: Some(port), subset })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn server_names_of_the_mesh_name_a_destination() {
        let shown = |name| named(name).map(|it| (it.host, it.port, it.subset));
        let host = || "httpbin.foo.svc.cluster.local".to_owned();
        assert_eq!(shown("outbound_.8000_._.httpbin.foo.svc.cluster.local"), Some((host(), Some(8000), None)));
        let subset = Some("v1".to_owned());
        assert_eq!(shown("outbound_.8000_.v1_.httpbin.foo.svc.cluster.local"), Some((host(), Some(8000), subset)));
        for nothing in
            ["", "httpbin", "outbound_.x_._.a", "outbound_.80_._.", "outbound_.80000_._.a", "outbound_.80_.a"]
        {
            assert_eq!(shown(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn what_a_client_writes_is_read_back(port in 1_u16.., subset in "[a-z][a-z0-9]{0,8}|", host in "[a-z]{1,9}(\\.[a-z]{1,9}){0,4}") {
            let read = named(&format!("outbound_.{port}_.{subset}_.{host}")).unwrap();
            prop_assert_eq!((read.port, read.subset.unwrap_or_default(), read.host), (Some(port), subset, host));
        }

        #[test]
        fn no_server_name_does_harm(name in ".{0,64}") {
            let _ = named(&name);
        }
    }
}
