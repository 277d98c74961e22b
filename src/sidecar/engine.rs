//! What all connections of one sidecar share: its machine, its configuration, its tasks.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    access_log::AccessLog,
    config::{Protocol, ProxyConfig, Svid},
    snapshot::Snapshot,
    tasks::Tasks,
    telemetry::Telemetry,
    tls::TlsError,
    upstream::Cluster,
};
use crate::{
    host::{Host, Output},
    host_println,
};

/// Bare addresses whose connections are kept; beyond it those that nobody uses are forgotten.
const MOST_BARE: usize = 1024;

/// One running sidecar.
pub(crate) struct Engine {
    pub host: Arc<dyn Host>,
    pub access_log: bool,
    pub tasks: Tasks,
    pub telemetry: Arc<Telemetry>,
    /// Cancelled when the sidecar is to end.
    pub draining: CancellationToken,
    config: watch::Receiver<Arc<ProxyConfig>>,
    svid: watch::Receiver<Arc<Svid>>,
    compiled: RwLock<Arc<Snapshot>>,
    bare: Mutex<HashMap<Bare, Arc<Cluster>>>,
    turns: AtomicUsize,
    started: Instant,
}

type Bare = (SocketAddr, Option<IpAddr>, Protocol);

impl Engine {
    /// # Errors
    /// If the identity cannot be used.
    pub fn new(
        host: Arc<dyn Host>,
        access_log: bool,
        tasks: Tasks,
        telemetry: Arc<Telemetry>,
        config: watch::Receiver<Arc<ProxyConfig>>,
        svid: watch::Receiver<Arc<Svid>>,
    ) -> Result<Self, TlsError> {
        let snapshot = Snapshot::new(config.borrow().clone(), svid.borrow().clone())?;
        telemetry.known_as(&svid.borrow().id);
        Ok(Self {
            draining: host.shutdown().child_token(),
            host,
            access_log,
            tasks,
            telemetry,
            config,
            svid,
            compiled: RwLock::new(Arc::new(snapshot)),
            bare: Mutex::default(),
            turns: AtomicUsize::new(0),
            started: Instant::now(),
        })
    }

    /// The configuration and identity of this moment, compiled.
    ///
    /// Whoever has sent a new one can be sure that it holds for every connection and request that comes later:
    /// it is compiled by the first that asks, not by a task some time after.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let compiled = self.compiled.read().unwrap_or_else(PoisonError::into_inner);
        if compiled.is_made_of(&self.config.borrow(), &self.svid.borrow()) {
            return compiled.clone();
        }
        drop(compiled);
        self.compile()
    }

    fn compile(&self) -> Arc<Snapshot> {
        let mut compiled = self.compiled.write().unwrap_or_else(PoisonError::into_inner);
        let (config, svid) = (self.config.borrow().clone(), self.svid.borrow().clone());
        if !compiled.is_made_of(&config, &svid) {
            let (snapshot, refused) = compiled.renewed(config, svid);
            if let Some(error) = refused {
                host_println!(self.host, Output::Stderr, "sidecar: keeping the previous certificate: {error}");
            }
            *compiled = Arc::new(snapshot);
        }
        compiled.clone()
    }

    /// A receiver that tells when the configuration changes.
    pub fn config_changes(&self) -> watch::Receiver<Arc<ProxyConfig>> {
        self.config.clone()
    }

    /// The cluster that is just this address.
    pub fn bare(&self, address: SocketAddr, source: Option<IpAddr>, protocol: Protocol) -> Arc<Cluster> {
        let mut bare = self.bare.lock().unwrap_or_else(PoisonError::into_inner);
        if bare.len() >= MOST_BARE {
            bare.retain(|_, cluster| Arc::strong_count(cluster) > 1);
        }
        let key = (address, source, protocol);
        bare.entry(key).or_insert_with(|| Arc::new(Cluster::bare(address, source, protocol))).clone()
    }

    /// Closes kept connections that nobody has used for so long.
    pub fn close_idle(&self, limit: Duration) {
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let since = self.milliseconds().saturating_sub(limit);
        let bare = self.bare.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect::<Vec<_>>();
        let routes = self.snapshot().routes.clone();
        for upstream in bare.iter().chain(routes.clusters()).flat_map(|cluster| &cluster.upstreams) {
            upstream.close_idle(since);
        }
    }

    /// A number that is another one each time, for choices among equals.
    pub fn turn(&self) -> usize {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// Milliseconds since this sidecar started.
    pub fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Writes a line of the access log.
    pub fn log(&self, entry: &AccessLog) {
        // Plain data of ours: it has no map with keys that JSON cannot hold.
        if let Ok(mut line) = serde_json::to_vec(entry) {
            line.push(b'\n');
            self.host.print(Output::Stdout, &line);
        }
    }
}
