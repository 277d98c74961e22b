//! Accepts connections until the machine asks to end, then drains.

use std::{
    io,
    net::{Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use tokio::{
    sync::watch,
    time::{interval, sleep, timeout},
};
use tokio_util::task::TaskTracker;

use super::{
    admin::{Admin, AppHealth},
    config::{ProxyConfig, Svid},
    engine::Engine,
    gateway,
    inbound::{self, Application},
    outbound,
    tasks::{Owner, Tasks},
    telemetry::Telemetry,
    tls::TlsError,
};
use crate::host::{Accepted, Host, Listener};

/// How a sidecar runs. The ports are Istio's.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where redirected outbound connections arrive.
    pub outbound: SocketAddr,
    /// Where redirected inbound connections arrive.
    pub inbound: SocketAddr,
    /// Where metrics are read.
    pub telemetry: SocketAddr,
    /// Where everything is counted.
    pub counters: Arc<Telemetry>,
    /// Where readiness is asked.
    pub readiness: SocketAddr,
    /// Whether every request and connection is written to standard output.
    pub access_log: bool,
    /// Who answers the kubelet's probes of the application on the telemetry port, if anybody does.
    pub app_health: Option<Arc<dyn AppHealth>>,
    /// How long connections may go on after the machine has asked to end; Istio's `terminationDrainDuration`.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let any = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        Self {
            outbound: any(15001),
            inbound: any(15006),
            telemetry: any(15020),
            counters: Arc::default(),
            readiness: any(15021),
            access_log: true,
            app_health: None,
            drain: Duration::from_secs(5),
        }
    }
}

/// Why a sidecar cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener is not to be had.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Runs a sidecar until the machine asks to end. Dropping the future ends it at once.
///
/// It is ready, and says so, as soon as it listens: `config` and `svid` always hold a value. What is sent to
/// either later holds for every connection that is accepted and every request that arrives after it was sent.
///
/// # Errors
/// If a port is taken or the certificate cannot be used.
pub async fn serve(
    host: Arc<dyn Host>,
    options: Options,
    config: watch::Receiver<Arc<ProxyConfig>>,
    svid: watch::Receiver<Arc<Svid>>,
) -> Result<(), ServeError> {
    let roles = vec![(options.outbound, Role::Outbound), (options.inbound, Role::Inbound)];
    let Started { engine, owner, listeners } = start(host, &options, roles, config, svid).await?;
    let counted = engine.telemetry.clone();
    tokio::select! {
        () = run(engine, owner, listeners, options.drain) => {}
        () = counted.keep_notes() => {}
    }
    Ok(())
}

/// Runs a gateway until the machine asks to end. Dropping the future ends it at once.
///
/// It listens where the configuration says; `listening` is told each configuration that it has taken up so, whether or
/// not every port was to be had.
///
/// # Errors
/// As [`serve`].
pub async fn serve_gateway(
    host: Arc<dyn Host>,
    options: Options,
    config: watch::Receiver<Arc<ProxyConfig>>,
    svid: watch::Receiver<Arc<Svid>>,
    listening: &watch::Sender<Arc<ProxyConfig>>,
) -> Result<(), ServeError> {
    let Started { engine, owner, listeners } = start(host, &options, Vec::new(), config, svid).await?;
    let open = TaskTracker::new();
    tokio::select! {
        () = serve_until_drained(&engine, &open, listeners) => {}
        () = gateway::keep_listening(&engine, &open, listening) => {}
        () = engine.telemetry.keep_notes() => {}
    }
    end(open, owner, options.drain).await;
    Ok(())
}

/// What all kinds of sidecars begin with.
struct Started {
    engine: Arc<Engine>,
    owner: Owner,
    listeners: Vec<(Listener, Role)>,
}

async fn start(
    host: Arc<dyn Host>,
    options: &Options,
    mut roles: Vec<(SocketAddr, Role)>,
    config: watch::Receiver<Arc<ProxyConfig>>,
    svid: watch::Receiver<Arc<Svid>>,
) -> Result<Started, ServeError> {
    let (tasks, owner) = Tasks::new();
    let telemetry = options.counters.clone();
    let engine = Engine::new(host.clone(), options.access_log, tasks, telemetry.clone(), config, svid)?;
    let app_health = options.app_health.clone();
    let admin = Admin { telemetry: vec![telemetry], draining: engine.draining.clone(), app_health };
    roles.extend([(options.telemetry, Role::Admin(admin.clone())), (options.readiness, Role::Admin(admin))]);
    let mut listeners = Vec::new();
    for (address, role) in roles {
        let listener = host.listen(address).await.map_err(|error| ServeError::Listen { address, error })?;
        listeners.push((listener, role));
    }
    Ok(Started { engine: Arc::new(engine), owner, listeners })
}

/// What a listener's connections are.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// Questions about the sidecar.
    Admin(Admin),
    /// Connections from outside to this port of the gateway's pod.
    Gateway(u16),
    /// Redirected connections to the application, wherever they were going.
    Inbound,
    /// Connections to this application. `port` is what the configuration calls it.
    InboundTo {
        /// The application.
        address: SocketAddr,
        /// Its key in the configuration.
        port: u16,
    },
    /// Redirected connections of the application, wherever they were going.
    Outbound,
    /// Connections to this Service port.
    OutboundTo {
        /// The Service's name in the configuration.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// Serves these listeners until the machine asks to end, then waits for the open connections, `drain` at most.
pub(crate) async fn run(engine: Arc<Engine>, owner: Owner, listeners: Vec<(Listener, Role)>, drain: Duration) {
    let open = TaskTracker::new();
    serve_until_drained(&engine, &open, listeners).await;
    end(open, owner, drain).await;
}

async fn serve_until_drained(engine: &Arc<Engine>, open: &TaskTracker, listeners: Vec<(Listener, Role)>) {
    let accepting = listeners.into_iter().map(|(listener, role)| accept(engine, open, listener, role));
    tokio::select! {
        _ = join_all(accepting) => {}
        () = close_idle(engine) => {}
        () = engine.telemetry.keep_notes() => {}
    }
}

async fn end(open: TaskTracker, owner: Owner, drain: Duration) {
    open.close();
    // Whoever is still there after it has had its time.
    let _ = timeout(drain, open.wait()).await;
    drop(owner);
}

/// Closes, now and then, connections to upstreams that nobody uses any more. Never ends.
async fn close_idle(engine: &Engine) {
    /// How often. A connection is idle for this long at least, and for twice as long at most.
    const LIMIT: Duration = Duration::from_secs(60);
    let mut check = interval(LIMIT);
    loop {
        check.tick().await;
        engine.close_idle(LIMIT);
    }
}

/// Accepts connections until the sidecar is to end.
pub(crate) async fn accept(engine: &Arc<Engine>, open: &TaskTracker, listener: Listener, role: Role) {
    /// A short rest when the machine runs out of something (file descriptors): accepting again at once would spin.
    const REST: Duration = Duration::from_millis(50);
    let own_port = listener.local_addr().port();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = engine.draining.cancelled() => return,
        };
        match accepted {
            Ok(accepted) => {
                let served = serve_one(engine.clone(), accepted, role.clone(), own_port);
                engine.tasks.spawn(open.track_future(served));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => sleep(REST).await,
        }
    }
}

async fn serve_one(engine: Arc<Engine>, accepted: Accepted, role: Role, own_port: u16) {
    // Somebody who dials our own port was not redirected: forwarding would come back to us.
    let was_redirected = accepted.orig_dst.port() != own_port;
    match role {
        Role::Admin(admin) => admin.serve(accepted.stream).await,
        Role::Gateway(port) => gateway::serve(engine, accepted, port).await,
        Role::Inbound if was_redirected => {
            let address = accepted.orig_dst;
            let application =
                Application { address, source: Some(inbound::source_to(address.ip())), port: address.port() };
            inbound::serve(engine, accepted, application).await;
        }
        Role::InboundTo { address, port } => {
            inbound::serve(engine, accepted, Application { address, source: None, port }).await;
        }
        Role::Outbound if was_redirected => outbound::serve(engine, accepted).await,
        Role::OutboundTo { host, port } => outbound::serve_service(engine, accepted, &host, port).await,
        Role::Inbound | Role::Outbound => {}
    }
}
