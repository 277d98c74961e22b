//! What is written to the access log about one request, collected while it passes. Exists only if there is a log.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::{Request, Version, header::HOST};
use tokio::time::Instant;

use crate::{
    mesh::identity::SpiffeId,
    sidecar::{
        access_log::{self, AccessLog, Transport},
        engine::Engine,
        facts::Facts,
        inbound::port_policy,
        upstream::{Cluster, Upstream},
    },
};

/// A line of the access log in the making.
pub(crate) struct Record {
    entry: AccessLog,
    started: Instant,
    received: Arc<AtomicU64>,
}

impl Record {
    /// Begins with what the head says, and with the port's mode of now: a connection may be older.
    pub fn new<B>(engine: &Engine, facts: &Facts, request: &Request<B>) -> Self {
        let header = |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
        let mut entry = facts.entry();
        entry.mode = facts.port.map(|port| port_policy(&engine.snapshot().config, port).mode);
        entry.request = Some(access_log::Request {
            method: request.method().to_string(),
            path: request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            version: if request.version() == Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" }.to_owned(),
            authority: request.uri().authority().map(ToString::to_string).or_else(|| header(HOST.as_str())),
            id: header("x-request-id"),
        });
        Self { entry, started: Instant::now(), received: Arc::default() }
    }

    /// Where the request's bytes are counted.
    pub fn received(&self) -> Arc<AtomicU64> {
        self.received.clone()
    }

    /// Counts bytes of the response.
    pub fn sent(&mut self, bytes: usize) {
        self.entry.bytes_sent += bytes as u64;
    }

    /// Counts bytes of a connection that has left HTTP.
    pub fn relayed(&mut self, received: u64, sent: u64) {
        self.received.fetch_add(received, Ordering::Relaxed);
        self.entry.bytes_sent += sent;
    }

    /// The outbound side has chosen where to go.
    pub fn chosen(&mut self, cluster: &Cluster, upstream: &Upstream) {
        self.entry.host.clone_from(&cluster.host);
        self.entry.transport = match &upstream.tls {
            None => Transport::Plaintext,
            Some(tls) if tls.is_mesh() => Transport::Mtls,
            Some(_) => Transport::Tls,
        };
    }

    /// A connection stands.
    pub fn connected(&mut self, address: SocketAddr, outbound_peer: Option<SpiffeId>) {
        self.entry.upstream = Some(address);
        if outbound_peer.is_some() {
            self.entry.peer = outbound_peer;
        }
    }

    /// The status that is sent downstream.
    pub fn status(&mut self, status: u16) {
        self.entry.status = Some(status);
    }

    /// It did not go well.
    pub fn fail(&mut self, flags: &str, cause: &str) {
        flags.clone_into(&mut self.entry.flags);
        self.entry.cause = Some(cause.to_owned());
    }

    /// Writes the line.
    pub fn finish(mut self, engine: &Engine) {
        self.entry.bytes_received = self.received.load(Ordering::Relaxed);
        self.entry.time = jiff::Timestamp::now();
        self.entry.duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        engine.log(&self.entry);
    }
}
