//! Where requests and connections go: clusters of endpoints, and the HTTP connections kept to each.

mod pool;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::time::timeout;

pub(crate) use pool::{Lease, Sent};

use super::{
    config::Protocol,
    engine::Engine,
    failure::Failure,
    stream::{Prefixed, Stream},
    telemetry::{LazySeries, Workload},
    tls::{
        Peer,
        client::{ClientContext, Inside},
    },
};
use crate::mesh::identity::SpiffeId;

/// Istio's default `connectTimeout`.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long an endpoint that just failed is left out, if there are others.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Istio's default: two retries after the first attempt.
const OUTBOUND_ATTEMPTS: usize = 3;

/// The endpoints that can answer.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The Service; `None` for a bare address.
    pub host: Option<String>,
    /// What it is called if the client does not call it anything.
    pub name: String,
    /// What is spoken.
    pub protocol: Protocol,
    /// How often a connection is tried.
    pub attempts: usize,
    /// Who can be asked.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Where it is counted that nobody could be reached.
    pub unreached: LazySeries,
    next: AtomicUsize,
}

impl Cluster {
    /// The endpoints of a Service.
    pub fn service(host: &str, protocol: Protocol, upstreams: Vec<Arc<Upstream>>) -> Self {
        let name = host.to_owned();
        Self {
            host: Some(name.clone()),
            name,
            protocol,
            attempts: OUTBOUND_ATTEMPTS,
            upstreams,
            unreached: LazySeries::default(),
            next: 0.into(),
        }
    }

    /// One address as it was dialled, in plaintext.
    pub fn bare(address: SocketAddr, source: Option<IpAddr>, protocol: Protocol) -> Self {
        let upstreams = vec![Arc::new(Upstream::new(address, source, None))];
        let (name, unreached) = (address.to_string(), LazySeries::default());
        Self { host: None, name, protocol, attempts: 1, upstreams, unreached, next: 0.into() }
    }

    /// The next endpoint in turn, of those that did not just fail if there are any.
    pub fn pick(&self, engine: &Engine) -> Result<&Arc<Upstream>, Failure> {
        let count = self.upstreams.len();
        let first = match count {
            0 => return Err(Failure::NoEndpoint { host: self.name.clone() }),
            1 => return Ok(&self.upstreams[0]),
            _ => self.next.fetch_add(1, Ordering::Relaxed) % count,
        };
        let in_turn = (0..count).map(|step| &self.upstreams[(first + step) % count]);
        let rested = in_turn.clone().find(|upstream| !upstream.just_failed(engine));
        Ok(rested.unwrap_or(&self.upstreams[first]))
    }

    /// The endpoint at an address.
    pub fn at(&self, address: SocketAddr) -> Option<&Arc<Upstream>> {
        self.upstreams.iter().find(|upstream| upstream.address == address)
    }
}

/// One endpoint, and how it is called.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// Where it is.
    pub address: SocketAddr,
    /// How it is secured; `None` is plaintext.
    pub tls: Option<Arc<ClientContext>>,
    /// The workload of the pod, if the configuration tells.
    pub workload: Option<Workload>,
    source: Option<IpAddr>,
    /// Milliseconds since the engine's start, plus one; 0 if it never failed.
    failed: AtomicU64,
    pool: pool::Pool,
}

/// A connection to an endpoint.
pub(crate) struct Established {
    /// The connection.
    pub stream: Stream,
    /// Who the endpoint proved to be.
    pub peer: Option<SpiffeId>,
}

impl Upstream {
    pub fn new(address: SocketAddr, source: Option<IpAddr>, tls: Option<Arc<ClientContext>>) -> Self {
        Self { address, tls, workload: None, source, failed: 0.into(), pool: pool::Pool::default() }
    }

    /// The same, and of this workload.
    pub fn of(self, workload: Option<Workload>) -> Self {
        Self { workload, ..self }
    }

    /// Connects, and shakes hands if the endpoint is to be called over TLS. `name` is what the client calls it.
    pub async fn connect(&self, engine: &Engine, inside: Inside, name: &str) -> Result<Established, Failure> {
        let result = match timeout(CONNECT_LIMIT, self.try_connect(engine, inside, name)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::connect(&std::io::ErrorKind::TimedOut.into())),
        };
        if result.is_err() {
            self.failed.store(engine.milliseconds() + 1, Ordering::Relaxed);
        }
        result
    }

    async fn try_connect(&self, engine: &Engine, inside: Inside, name: &str) -> Result<Established, Failure> {
        let connected = engine.host.connect(self.address, self.source).await;
        let socket = connected.map_err(|error| Failure::connect(&error))?;
        // Without it, small writes wait for acknowledgements; failing to set it costs time, not correctness.
        let _ = socket.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return Ok(Established { stream: Stream::Plain(Prefixed::new(Bytes::new(), socket)), peer: None });
        };
        let identity = engine.snapshot().identity.clone();
        let stream = tls.connect(&*engine.host, &identity, inside, name, socket).await;
        let stream = stream.map_err(|error| Failure::handshake(&error))?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let peer = certificate.and_then(|certificate| Peer::new(certificate).id());
        Ok(Established { stream: Stream::Client(stream), peer })
    }

    /// Closes kept connections that nobody has used since, in milliseconds of the engine.
    pub fn close_idle(&self, since: u64) {
        self.pool.close_idle(since);
    }

    fn just_failed(&self, engine: &Engine) -> bool {
        let failed = self.failed.load(Ordering::Relaxed);
        failed != 0 && engine.milliseconds() < failed + REST_AFTER_FAILURE.as_millis() as u64
    }
}
