//! Runs a standalone sidecar: one thread per core, each with its own runtime, listeners and connections, so that
//! nothing is shared on the way of a request.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::{oneshot, watch},
    time::interval,
};

use super::{StandaloneError, identity::Pem, load::parse, model::Standalone, plan::plan};
use crate::{
    host::{
        Host, Output,
        os::{OsHost, SharedListener},
    },
    host_println,
    sidecar::{
        admin::Admin,
        config::{ProxyConfig, Svid},
        engine::Engine,
        serve::{self, Role},
        tasks::Tasks,
        telemetry::Telemetry,
    },
};

/// How often the files of the identity are looked at.
const IDENTITY_CHECK: Duration = Duration::from_secs(2);

/// Runs the sidecar that the file at `path` describes, until the machine asks to end.
///
/// Where it listens is printed to standard error, a line per listener, once all of them stand.
///
/// # Errors
/// If the file, the identity or a listener is not as it should be.
pub fn run(path: &Path) -> Result<(), StandaloneError> {
    let control = runtime::Builder::new_current_thread().enable_all().build().map_err(StandaloneError::Start)?;
    control.block_on(Control::start(path)?.run())
}

/// The thread that starts the others and brings them what changes.
struct Control {
    path: PathBuf,
    file: Standalone,
    pem: Pem,
    svid: watch::Sender<Arc<Svid>>,
}

impl Control {
    fn start(path: &Path) -> Result<Self, StandaloneError> {
        let file = read(path)?;
        let pem = Pem::read(&OsHost, folder(path), &file.identity)?;
        let svid = watch::Sender::new(pem.svid(&file.identity)?);
        Ok(Self { path: path.to_owned(), file, pem, svid })
    }

    async fn run(mut self) -> Result<(), StandaloneError> {
        let mut hang_up = signal(SignalKind::hangup()).map_err(StandaloneError::Start)?;
        let domain = self.svid.borrow().id.trust_domain.clone();
        let plan = plan(&OsHost, folder(&self.path), &self.file, &domain).await?;
        let config = watch::Sender::new(Arc::new(plan.config));
        let workers = Workers::start(&self.file, plan.listeners, &config, &self.svid)?;
        let shutdown = OsHost.shutdown();
        let mut check = interval(IDENTITY_CHECK);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = check.tick() => self.renew(),
                _ = hang_up.recv() => {
                    self.renew();
                    if let Err(error) = self.reload(&config).await {
                        host_println!(&OsHost, Output::Stderr, "sidecar: keeping the previous configuration: {error}");
                    }
                }
            }
        }
        workers.join().await;
        Ok(())
    }

    /// Takes a changed identity; one that cannot be used yet (half of the files written) is looked at again later.
    fn renew(&mut self) {
        let files = &self.file.identity;
        let renewed = Pem::read(&OsHost, folder(&self.path), files).and_then(|pem| {
            let svid = if pem == self.pem { None } else { Some(pem.svid(files)?) };
            Ok((pem, svid))
        });
        match renewed {
            Ok((_, None)) => {}
            Ok((pem, Some(svid))) => {
                self.pem = pem;
                host_println!(&OsHost, Output::Stderr, "sidecar: renewed the certificate of {}", svid.id);
                self.svid.send_replace(svid);
            }
            Err(error) => host_println!(&OsHost, Output::Stderr, "sidecar: keeping the previous certificate: {error}"),
        }
    }

    /// Takes a changed file. Listeners stay as they are.
    async fn reload(&mut self, config: &watch::Sender<Arc<ProxyConfig>>) -> Result<(), StandaloneError> {
        let file = read(&self.path)?;
        if listens(&file) != listens(&self.file) {
            let text = "sidecar: listeners have changed in the file; that needs a restart";
            host_println!(&OsHost, Output::Stderr, "{text}");
            return Ok(());
        }
        let domain = self.svid.borrow().id.trust_domain.clone();
        let plan = plan(&OsHost, folder(&self.path), &file, &domain).await?;
        self.file = file;
        config.send_replace(Arc::new(plan.config));
        host_println!(&OsHost, Output::Stderr, "sidecar: read the configuration again");
        Ok(())
    }
}

/// What a restart would be needed for: the listeners and the program behind each inbound one.
fn listens(file: &Standalone) -> Vec<(SocketAddr, Option<SocketAddr>)> {
    let inbound = file.inbound.iter().map(|listener| (listener.listen.value, Some(listener.application)));
    inbound.chain(file.outbound.iter().map(|listener| (listener.listen.value, None))).collect()
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn read(path: &Path) -> Result<Standalone, StandaloneError> {
    let unreadable = |error| StandaloneError::Read { path: path.to_owned(), error };
    let bytes = OsHost.read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| unreadable(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text")))?;
    parse(path, &text).map_err(|place| StandaloneError::Config { place })
}

/// The threads that serve.
struct Workers(Vec<oneshot::Receiver<()>>);

/// What one of them needs to begin.
struct Worker {
    listeners: Vec<(SharedListener, Role)>,
    telemetry: Arc<Telemetry>,
    access_log: bool,
    drain: Duration,
    config: watch::Receiver<Arc<ProxyConfig>>,
    svid: watch::Receiver<Arc<Svid>>,
}

impl Workers {
    fn start(
        file: &Standalone,
        listeners: Vec<(SocketAddr, Role)>,
        config: &watch::Sender<Arc<ProxyConfig>>,
        svid: &watch::Sender<Arc<Svid>>,
    ) -> Result<Self, StandaloneError> {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let count = file.workers.map_or_else(cores, usize::from);
        let mut workers: Vec<Worker> = (0..count)
            .map(|_| Worker {
                listeners: Vec::new(),
                telemetry: Arc::default(),
                access_log: file.access_log,
                drain: Duration::from_secs(file.drain_seconds),
                config: config.subscribe(),
                svid: svid.subscribe(),
            })
            .collect();
        for (address, role) in listeners {
            share(&mut workers, address, &role)?;
        }
        if let Some(address) = file.telemetry {
            let telemetry = workers.iter().map(|worker| worker.telemetry.clone()).collect();
            let admin = Admin { telemetry, draining: OsHost.shutdown().child_token(), app_health: None };
            share(&mut workers[..1], address, &Role::Admin(admin))?;
        }
        workers.into_iter().map(Worker::spawn).collect::<Result<_, _>>().map(Self)
    }

    /// Waits until all have drained.
    async fn join(self) {
        for ended in self.0 {
            // A worker that panicked has ended too.
            let _ = ended.await;
        }
    }
}

fn share(workers: &mut [Worker], address: SocketAddr, role: &Role) -> Result<(), StandaloneError> {
    let failed = |error| StandaloneError::Listen { address, error };
    let sockets = OsHost.listen_shared(address, workers.len()).map_err(failed)?;
    let bound = sockets[0].local_addr().map_err(failed)?;
    host_println!(&OsHost, Output::Stderr, "sidecar: {} on {bound}", describe(role));
    for (worker, socket) in workers.iter_mut().zip(sockets) {
        worker.listeners.push((socket, role.clone()));
    }
    Ok(())
}

fn describe(role: &Role) -> String {
    match role {
        Role::Admin(_) => "telemetry".to_owned(),
        Role::Gateway(port) => format!("gateway port {port}"),
        Role::Inbound | Role::Outbound => "redirected connections".to_owned(),
        Role::InboundTo { address, .. } => format!("inbound to {address}"),
        Role::OutboundTo { host, .. } => format!("outbound to {host}"),
    }
}

impl Worker {
    fn spawn(self) -> Result<oneshot::Receiver<()>, StandaloneError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(StandaloneError::Start)?;
        let (tasks, owner) = Tasks::new();
        let Self { listeners, telemetry, access_log, drain, config, svid } = self;
        let engine = Arc::new(Engine::new(Arc::new(OsHost), access_log, tasks, telemetry, config, svid)?);
        let started = {
            let _inside = runtime.enter();
            listeners.into_iter().map(|(socket, role)| Ok((socket.start()?, role))).collect::<io::Result<Vec<_>>>()
        };
        let listeners = started.map_err(StandaloneError::Start)?;
        let (ending, ended) = oneshot::channel();
        let serve = move || {
            runtime.block_on(serve::run(engine, owner, listeners, drain));
            // Nobody waits for it only if the control thread is gone.
            let _ = ending.send(());
        };
        thread::Builder::new().name("sidecar".to_owned()).spawn(serve).map_err(StandaloneError::Start)?;
        Ok(ended)
    }
}
