//! What all servers among the bundled applications share: arguments, the listener, HTTP, a graceful end.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::Request};
use futures::FutureExt as _;
use hyper::rt::Executor as _;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tower::ServiceExt as _;

use super::tasks::{Spawner, Tasks};
use crate::{
    host::{Accepted, ExitStatus, Host, Listener, Output},
    host_println,
};

/// Connections that are served at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
/// How long open requests have to finish when the program is asked to end.
const DRAIN: Duration = Duration::from_secs(5);

/// A server program: what it is called, and the port it has unless it is told otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) port: u16,
}

/// What a server program is made with.
pub(super) struct Context {
    pub(super) host: Arc<dyn Host>,
    pub(super) name: &'static str,
    /// Starts tasks that end with the program.
    pub(super) spawner: Spawner,
}

impl Context {
    /// Tells a person what happened.
    pub(super) fn log(&self, message: impl std::fmt::Display) {
        host_println!(self.host, Output::Stderr, "{}: {message}", self.name);
    }
}

/// Who made the connection that a request came over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Server {
    /// Serves HTTP/1.1, and HTTP/2 with prior knowledge, until the program is asked to end.
    pub(super) async fn serve_http(
        self,
        host: Arc<dyn Host>,
        arguments: Vec<String>,
        router: impl FnOnce(&Arc<Context>) -> Result<Router, String>,
    ) -> ExitStatus {
        let (tasks, context) = self.start(&host);
        let (router, listener) = match self.prepare(&*host, &arguments, || router(&context)).await {
            Ok(prepared) => prepared,
            Err(status) => return status,
        };
        context.log(format_args!("listening on http://{}", listener.local_addr()));
        let (graceful, mut server) = (GracefulShutdown::new(), auto::Builder::new(context.spawner.clone()));
        server.http1().timer(TokioTimer::new());
        accept_all(&*host, &listener, |stream, peer, permit| {
            let service = router.clone().map_request(move |mut request: Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                request
            });
            let connection = server
                .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service))
                .into_owned();
            context.spawner.execute(graceful.watch(connection).map(move |_| drop(permit)));
        })
        .await;
        // A peer may keep a stream open for ever.
        let _ = timeout(DRAIN, graceful.shutdown()).await;
        drop(tasks);
        ExitStatus::SUCCESS
    }

    /// Serves a protocol of its own over TCP until the program is asked to end; then connections are closed.
    pub(super) async fn serve_tcp<F>(
        self,
        host: Arc<dyn Host>,
        arguments: Vec<String>,
        connection: impl Fn(TcpStream) -> F,
    ) -> ExitStatus
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (tasks, context) = self.start(&host);
        let ((), listener) = match self.prepare(&*host, &arguments, || Ok(())).await {
            Ok(prepared) => prepared,
            Err(status) => return status,
        };
        context.log(format_args!("listening on {}", listener.local_addr()));
        accept_all(&*host, &listener, |stream, _, permit| {
            context.spawner.execute(connection(stream).map(move |()| drop(permit)));
        })
        .await;
        drop(tasks);
        ExitStatus::SUCCESS
    }

    fn start(self, host: &Arc<dyn Host>) -> (Tasks, Arc<Context>) {
        let tasks = Tasks::default();
        let spawner = tasks.spawner();
        (tasks, Arc::new(Context { host: host.clone(), name: self.name, spawner }))
    }

    /// Reads the arguments, makes what is served, and listens; what cannot be done is told.
    async fn prepare<T>(
        self,
        host: &dyn Host,
        arguments: &[String],
        make: impl FnOnce() -> Result<T, String>,
    ) -> Result<(T, Listener), ExitStatus> {
        let prepared = address(host, arguments, self.port).and_then(|address| Ok((address, make()?)));
        let (address, made) = prepared.map_err(|message| {
            let Self { name, port } = self;
            host_println!(
                host,
                Output::Stderr,
                "{name}: {message}\nusage: {name} [--host ADDRESS] [--port PORT]
  The environment variables HOST and PORT say the same. Defaults: all addresses, port {port}."
            );
            ExitStatus::USAGE
        })?;
        match host.listen(address).await {
            Ok(listener) => Ok((made, listener)),
            Err(error) => {
                host_println!(host, Output::Stderr, "{}: cannot listen on {address}: {error}", self.name);
                Err(ExitStatus::FAILURE)
            }
        }
    }
}

fn address(host: &dyn Host, arguments: &[String], port: u16) -> Result<SocketAddr, String> {
    let (mut ip, mut given_port) = (host.env("HOST"), host.env("PORT"));
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let place = match name {
            "--host" | "-host" => &mut ip,
            "--port" | "-port" | "-p" => &mut given_port,
            _ => return Err(format!("unknown argument {argument}")),
        };
        let value = inline.or_else(|| rest.next().cloned());
        *place = Some(value.ok_or_else(|| format!("{name} needs a value"))?);
    }
    let ip = match ip {
        Some(text) => text.parse().map_err(|_| format!("{text} is not an IP address"))?,
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let port = match given_port {
        Some(text) => text.parse().map_err(|_| format!("{text} is not a port"))?,
        None => port,
    };
    Ok(SocketAddr::new(ip, port))
}

/// Accepts connections until the program is asked to end.
async fn accept_all(
    host: &dyn Host,
    listener: &Listener,
    mut serve: impl FnMut(TcpStream, SocketAddr, OwnedSemaphorePermit),
) {
    let (shutdown, room) = (host.shutdown(), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    loop {
        let accepted = async {
            let permit = room.clone().acquire_owned().await.expect("the semaphore is never closed");
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accepted => accepted,
            () = shutdown.cancelled() => return,
        };
        match accepted {
            Ok(Accepted { stream, peer, .. }) => {
                // Answers are small and whole: waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                serve(stream, peer, permit);
            }
            Err(error) => after_accept_error(&error).await,
        }
    }
}

/// A connection that was given up before it was accepted is nothing; a shortage (of files, of memory) needs time to pass.
async fn after_accept_error(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
