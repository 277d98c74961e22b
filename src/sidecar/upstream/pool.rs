//! HTTP connections to one endpoint that wait for their next request.
//!
//! The lock is held for a push or a pop. A sidecar of one runtime per core has a pool per core, so nobody waits.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::TokioIo;

use super::{Established, Upstream};
use crate::{
    mesh::identity::SpiffeId,
    sidecar::{
        engine::Engine,
        failure::Failure,
        http::RequestBody,
        limits,
        telemetry::{LazySeries, Series},
        tls::client::Inside,
    },
};

/// Idle connections kept; more are closed when they come back.
const MOST_IDLE: usize = 1024;
/// Requests on one HTTP/2 connection before another one is opened, below what servers commonly allow.
const MOST_STREAMS: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Pool {
    http1: Mutex<Vec<Http1>>,
    http2: Mutex<Vec<Http2>>,
    /// Held while an HTTP/2 connection is made, so that a burst of requests makes one, not one each.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Http1 {
    sender: http1::SendRequest<RequestBody>,
    facts: Facts,
    /// When it came back, in milliseconds of the engine.
    idle_since: u64,
}

#[derive(Clone, Debug)]
struct Http2 {
    sender: http2::SendRequest<RequestBody>,
    facts: Facts,
    streams: Arc<AtomicUsize>,
}

/// What a connection was made for, and to whom.
#[derive(Clone, Debug)]
struct Facts {
    /// The name that was verified, where the client chose it.
    name: Option<Box<str>>,
    peer: Option<Arc<SpiffeId>>,
    /// Where its requests are counted.
    series: Arc<LazySeries>,
    /// How many taps there had been: a later one does not see this connection.
    taps: u64,
}

/// The right to send one request on a connection, and to give the connection back afterwards.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Option<Leased>,
    /// Whether the connection has been used before: then it may have ended meanwhile.
    pub reused: bool,
}

#[derive(Debug)]
enum Leased {
    Http1 { connection: Box<Http1>, upstream: Arc<Upstream> },
    Http2(Http2),
}

/// How sending a request ended.
pub(crate) enum Sent {
    /// With the head of a response.
    Answered(Box<Response<Incoming>>),
    /// Without one.
    Failed(Failure),
    /// It was never sent: the connection had ended.
    Unsent(Box<Request<RequestBody>>, Failure),
}

impl Upstream {
    /// A connection that is free, or a new one; always a new one if `fresh`.
    pub async fn lease(
        self: &Arc<Self>,
        engine: &Engine,
        inside: Inside,
        name: &str,
        fresh: bool,
    ) -> Result<Lease, Failure> {
        let chosen = self.tls.as_ref().filter(|tls| tls.fixed_name().is_none()).map(|_| name);
        let taps = engine.host.taps_opened();
        if inside == Inside::Http2 {
            return self.lease_http2(engine, name, chosen, fresh, taps).await;
        }
        if !fresh && let Some(connection) = self.pool.take_http1(chosen, taps) {
            return Ok(self.lend_http1(connection, true));
        }
        let Established { stream, peer } = self.connect(engine, Inside::Http1, name).await?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(limits::HTTP1_BUFFER);
        let handshake = builder.handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| Failure::exchange(&error))?;
        engine.tasks.spawn(async move {
            // Its end is seen by whoever waits for a response on it.
            let _ = connection.with_upgrades().await;
        });
        Ok(self.lend_http1(Http1 { sender, facts: Facts::new(chosen, peer, taps), idle_since: 0 }, false))
    }

    fn lend_http1(self: &Arc<Self>, connection: Http1, reused: bool) -> Lease {
        let connection = Leased::Http1 { connection: Box::new(connection), upstream: self.clone() };
        Lease { connection: Some(connection), reused }
    }

    async fn lease_http2(
        &self,
        engine: &Engine,
        name: &str,
        chosen: Option<&str>,
        fresh: bool,
        taps: u64,
    ) -> Result<Lease, Failure> {
        if !fresh && let Some(connection) = self.pool.share_http2(chosen, taps) {
            return Ok(Lease::of_http2(connection, true));
        }
        let _connecting = self.pool.connecting.lock().await;
        if !fresh && let Some(connection) = self.pool.share_http2(chosen, taps) {
            return Ok(Lease::of_http2(connection, true));
        }
        let Established { stream, peer } = self.connect(engine, Inside::Http2, name).await?;
        let mut builder = http2::Builder::new(engine.tasks.clone());
        builder
            .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW)
            .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW)
            .max_send_buf_size(limits::HTTP2_SEND_BUFFER)
            .max_header_list_size(limits::HEADERS);
        let handshake = builder.handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| Failure::exchange(&error))?;
        engine.tasks.spawn(async move {
            // Its end is seen by whoever waits for a response on it.
            let _ = connection.await;
        });
        let connection = Http2 { sender, facts: Facts::new(chosen, peer, taps), streams: Arc::new(1.into()) };
        lock(&self.pool.http2).push(connection.clone());
        Ok(Lease::of_http2(connection, false))
    }
}

impl Facts {
    fn new(name: Option<&str>, peer: Option<SpiffeId>, taps: u64) -> Self {
        Self { name: name.map(Box::from), peer: peer.map(Arc::new), series: Arc::default(), taps }
    }
}

impl Pool {
    /// The connection that was used last: the others may then end of age.
    fn take_http1(&self, name: Option<&str>, taps: u64) -> Option<Http1> {
        let mut idle = lock(&self.http1);
        for index in (0..idle.len()).rev() {
            if idle[index].sender.is_closed() || idle[index].facts.taps != taps {
                idle.swap_remove(index);
            } else if idle[index].facts.name.as_deref() == name && idle[index].sender.is_ready() {
                return Some(idle.swap_remove(index));
            }
        }
        None
    }

    fn give_http1(&self, mut connection: Http1, now: u64) {
        connection.idle_since = now;
        let mut idle = lock(&self.http1);
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
    }

    /// Closes what has been idle since before `since`. HTTP/2 connections that nobody uses go with their endpoint.
    pub(super) fn close_idle(&self, since: u64) {
        lock(&self.http1).retain(|connection| connection.idle_since >= since && !connection.sender.is_closed());
    }

    /// A connection with room for one more stream, which is counted.
    fn share_http2(&self, name: Option<&str>, taps: u64) -> Option<Http2> {
        let mut open = lock(&self.http2);
        // One that is let go here ends when its last request is answered.
        open.retain(|connection| !connection.sender.is_closed() && connection.facts.taps == taps);
        let found = open.iter().find(|connection| {
            connection.facts.name.as_deref() == name && connection.streams.load(Ordering::Relaxed) < MOST_STREAMS
        })?;
        found.streams.fetch_add(1, Ordering::Relaxed);
        Some(found.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lease {
    fn of_http2(connection: Http2, reused: bool) -> Self {
        Self { connection: Some(Leased::Http2(connection)), reused }
    }

    /// Who the endpoint proved to be.
    pub fn peer(&self) -> Option<SpiffeId> {
        self.facts().peer.as_deref().cloned()
    }

    /// Where the connection's requests are counted; `find` is asked once, and told who the endpoint proved to be.
    pub fn series(&self, find: impl FnOnce(Option<&SpiffeId>) -> Arc<Series>) -> &Arc<Series> {
        let facts = self.facts();
        facts.series.get(|| find(facts.peer.as_deref()))
    }

    fn facts(&self) -> &Facts {
        match self.connection.as_ref().expect("a lease is used until it is finished") {
            Leased::Http1 { connection, .. } => &connection.facts,
            Leased::Http2(connection) => &connection.facts,
        }
    }

    /// Sends a request.
    pub async fn send(&mut self, request: Request<RequestBody>) -> Sent {
        let result = match self.connection.as_mut().expect("a lease is used until it is finished") {
            Leased::Http1 { connection, .. } => connection.sender.try_send_request(request).await,
            Leased::Http2(connection) => connection.sender.try_send_request(request).await,
        };
        match result {
            Ok(response) => Sent::Answered(Box::new(response)),
            Err(mut error) => match error.take_message() {
                Some(request) => Sent::Unsent(Box::new(request), Failure::exchange(error.error())),
                None => Sent::Failed(Failure::exchange(error.error())),
            },
        }
    }

    /// Gives the connection back: the response has been read to its end.
    ///
    /// A lease that is dropped without it ends its HTTP/1.1 connection, whose state nobody knows.
    pub fn finish(&mut self, engine: &Engine) {
        if let Some(Leased::Http1 { mut connection, upstream }) = self.take_http1() {
            if connection.sender.is_ready() {
                upstream.pool.give_http1(*connection, engine.milliseconds());
            } else if !connection.sender.is_closed() {
                // The response came before the request was sent to its end.
                let now = engine.milliseconds();
                engine.tasks.spawn(async move {
                    if connection.sender.ready().await.is_ok() {
                        upstream.pool.give_http1(*connection, now);
                    }
                });
            }
        }
    }

    fn take_http1(&mut self) -> Option<Leased> {
        match self.connection {
            Some(Leased::Http1 { .. }) => self.connection.take(),
            _ => None,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(Leased::Http2(connection)) = &self.connection {
            connection.streams.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
