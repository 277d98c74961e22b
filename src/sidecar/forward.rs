//! Opaque connections: find an endpoint, copy bytes, and say how it went.

use std::{future::Future, io, sync::Arc};

use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::Instant};

use super::{
    access_log::{AccessLog, Direction, Transport},
    engine::Engine,
    facts::Facts,
    failure::Failure,
    relay::{Relayed, relay},
    routing::Destination,
    stream::Stream,
    telemetry::Series,
    tls::client::Inside,
    upstream::{Established, Upstream},
};

/// Connects a downstream connection to one of its endpoints until both have ended, or until `stop`.
///
/// A connection that cannot be forwarded, or that is cut, is reset: there is no other way to tell the client.
pub(crate) async fn relay_to(
    engine: &Engine,
    facts: &Facts,
    destination: &Destination,
    series: impl FnOnce(Option<(&Upstream, &Established)>) -> Arc<Series>,
    mut stream: Stream,
    stop: impl Future<Output = ()>,
) {
    let started = Instant::now();
    let mut entry = facts.entry();
    entry.host.clone_from(&destination.cluster.host);
    let connected = connect(engine, destination).await;
    let series = series(connected.as_ref().ok().map(|(upstream, established)| (&**upstream, established)));
    series.open();
    let (relayed, cut) = match connected {
        Err((failure, flags)) => {
            flags.clone_into(&mut entry.flags);
            (Relayed::default(), Some(failure.words()))
        }
        Ok((upstream, mut established)) => {
            describe(&mut entry, facts.direction, &upstream, &established);
            let copied = copy(&mut stream, &mut established.stream, &series, stop).await;
            if copied.1.is_some() {
                established.stream.reset();
            }
            copied
        }
    };
    series.close(cut.is_none());
    if cut.is_some() {
        stream.reset();
    }
    if engine.access_log {
        (entry.bytes_received, entry.bytes_sent) = (relayed.received, relayed.sent);
        entry.cause = cut;
        entry.time = jiff::Timestamp::now();
        entry.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        engine.log(&entry);
    }
}

async fn connect(
    engine: &Engine,
    destination: &Destination,
) -> Result<(Arc<Upstream>, Established), (Failure, &'static str)> {
    let cluster = &destination.cluster;
    let mut attempts = 0;
    loop {
        let upstream = destination.pick(engine).map_err(|failure| (failure.clone(), failure.flags(false)))?;
        attempts += 1;
        match upstream.connect(engine, Inside::Opaque, super::snapshot::without_port(&cluster.name)).await {
            Ok(established) => return Ok((upstream.clone(), established)),
            Err(_) if attempts < cluster.attempts => {}
            Err(failure) => {
                let flags = failure.flags(attempts > 1);
                return Err((failure, flags));
            }
        }
    }
}

fn describe(entry: &mut AccessLog, direction: Direction, upstream: &Upstream, established: &Established) {
    entry.upstream = Some(upstream.address);
    if direction == Direction::Outbound {
        entry.peer.clone_from(&established.peer);
        entry.transport = match &upstream.tls {
            None => Transport::Plaintext,
            Some(tls) if tls.is_mesh() => Transport::Mtls,
            Some(_) => Transport::Tls,
        };
    }
}

/// Copies; answers also why it was cut, if it was.
async fn copy(
    downstream: &mut Stream,
    upstream: &mut Stream,
    series: &Series,
    stop: impl Future<Output = ()>,
) -> (Relayed, Option<String>) {
    let mut relayed = Relayed::default();
    let mut progress = |now: Relayed| {
        series.pass(now.received - relayed.received, now.sent - relayed.sent);
        relayed = now;
    };
    tokio::select! {
        biased;
        result = relay(downstream, upstream, &mut progress) => {
            let cut = result.err().map(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => "one side ended its TLS without closing it".to_owned(),
                _ => format!("one side ended the connection: {error}"),
            });
            (relayed, cut)
        }
        () = stop => (relayed, Some("the port's mode is STRICT now, so this plaintext connection was cut".to_owned())),
    }
}

/// Answers a ClientHello as an HTTP server does; the client's TLS library takes it for a wrong version.
pub(crate) async fn answer_bad_request(mut stream: TcpStream) {
    let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    if stream.write_all(answer).await.is_ok() {
        // A client that is gone already needs no end.
        let _ = stream.shutdown().await;
    }
}
