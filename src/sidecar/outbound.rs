//! Connections of our application: find the Service that was dialled, secure the way there, forward.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use tokio::net::TcpStream;

use super::{
    access_log::{Direction, Transport},
    config::Protocol,
    engine::Engine,
    facts::Facts,
    forward,
    http::{self as proxy, Client, Proxy},
    routing::{self, Destination, Route, pass_through},
    sniff::{self, First, Guess},
    stream::{Prefixed, Stream},
    upstream::{Established, Upstream},
};
use crate::host::Accepted;

/// What an outbound connection turned out to be for.
struct Dialled {
    protocol: Protocol,
    /// Where its bytes go if it is opaque.
    opaque: Destination,
    /// Where its requests go if it is HTTP.
    route: Route,
}

/// Serves one connection of the application to whatever it dialled.
pub(crate) async fn serve(engine: Arc<Engine>, accepted: Accepted) {
    let dialled = dialled(&engine, accepted.orig_dst);
    forward_to(engine, accepted, dialled).await;
}

/// Serves one connection of the application to a listener that stands for this Service port.
pub(crate) async fn serve_service(engine: Arc<Engine>, accepted: Accepted, host: &str, port: u16) {
    let route = Route::Service(host.to_owned(), port);
    let opaque = routing::of_name(&engine.snapshot(), host, port);
    let dialled = Dialled { protocol: opaque.cluster.protocol, opaque, route };
    forward_to(engine, accepted, dialled).await;
}

/// Finds what the application dialled: a Service by its address; else, on a port where some Service speaks HTTP,
/// whatever `Host` says; else the bare address.
fn dialled(engine: &Engine, address: SocketAddr) -> Dialled {
    let routes = engine.snapshot().routes.clone();
    let Some(service) = routes.at(address) else {
        let protocol = if routes.has_http(address.port()) { Protocol::Http } else { Protocol::Tcp };
        return Dialled { protocol, opaque: pass_through(engine, address), route: Route::ByHost(address) };
    };
    let opaque = Destination::of_service(service, address);
    let protocol = opaque.cluster.protocol;
    let route = match (protocol, &opaque.cluster.host) {
        // A port that says nothing belongs to its Service alone; ports that say HTTP share their routes.
        (Protocol::Detect, Some(host)) if !service.headless => Route::Service(host.clone(), address.port()),
        _ => Route::ByHost(address),
    };
    Dialled { protocol, opaque, route }
}

async fn forward_to(engine: Arc<Engine>, accepted: Accepted, dialled: Dialled) {
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
    if dialled.protocol == Protocol::Tcp {
        return relay(&engine, &facts, &dialled.opaque, stream, Bytes::new()).await;
    }
    // An application that goes away before it said anything is nobody's business.
    let Ok(first) = sniff::first(&mut stream).await else { return };
    let declared = dialled.protocol != Protocol::Detect;
    match first {
        First::Nothing => {}
        First::Plaintext(bytes) if declared => http(engine, facts, dialled.route, stream, bytes, None).await,
        First::Plaintext(bytes) => match sniff::http(&mut stream, bytes).await {
            Ok((Guess::Opaque, bytes)) => relay(&engine, &facts, &dialled.opaque, stream, bytes).await,
            Ok((guess, bytes)) => http(engine, facts, dialled.route, stream, bytes, Some(guess)).await,
            Err(_) => {}
        },
        First::Tls(_) | First::Unreadable(_) if declared => answer_bad_request(&engine, &facts, stream).await,
        First::Tls(hello) => relay(&engine, &facts, &dialled.opaque, stream, hello.raw).await,
        First::Unreadable(bytes) => relay(&engine, &facts, &dialled.opaque, stream, bytes).await,
    }
}

async fn http(engine: Arc<Engine>, facts: Facts, route: Route, stream: TcpStream, bytes: Bytes, guess: Option<Guess>) {
    let draining = engine.draining.clone();
    let proxy = Proxy { engine, facts, route, client: Client::Own };
    proxy::serve(proxy, Stream::Plain(Prefixed::new(bytes, stream)), guess, draining.cancelled()).await;
}

async fn relay(engine: &Engine, facts: &Facts, destination: &Destination, stream: TcpStream, bytes: Bytes) {
    let series = |connected: Option<(&Upstream, &Established)>| destination.series_of_bytes(engine, connected);
    let stream = Stream::Plain(Prefixed::new(bytes, stream));
    forward::relay_to(engine, facts, destination, series, stream, std::future::pending()).await;
}

async fn answer_bad_request(engine: &Engine, facts: &Facts, stream: TcpStream) {
    forward::answer_bad_request(stream).await;
    facts.refused(engine, "the application speaks TLS to a port that is declared HTTP");
}
