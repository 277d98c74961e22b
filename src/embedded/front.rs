//! The door of the API server: HTTPS on a loopback port, and who knocks.
//!
//! A client proves who it is by a certificate of the cluster's authority or by a service-account token. There are no
//! anonymous users: whoever proves nothing is answered 401, whatever is asked.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, Response, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use kube::config::Kubeconfig;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    api::{
        Server,
        body::{self, Body},
        status::Status,
    },
    auth::{MASTERS, User},
    pki::{self, Authority, Credentials, PkiError},
};

/// How long a client may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A short rest after a connection that could not be accepted, so as not to spin while files are short.
const REST: Duration = Duration::from_millis(50);
/// How long answers may take that are under way when the server shuts down.
const DRAIN: Duration = Duration::from_secs(5);
/// The user of the kubeconfig.
const ADMIN: &str = "kubernetes-admin";

/// Why the API server cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// No port of the loopback interface can be had.
    #[error("the embedded cluster cannot listen on 127.0.0.1")]
    Listen(#[source] io::Error),
    /// There are no certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

/// An API server with an open door. Dropping it closes the door and all connections.
pub struct Front {
    address: SocketAddr,
    authority: Authority,
    admin: Credentials,
    server: Server,
    closing: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Front {
    /// Opens a door to `server`.
    ///
    /// # Errors
    /// If there is no port or no randomness to be had.
    pub async fn open(server: Server) -> Result<Self, FrontError> {
        let authority = Authority::new()?;
        let admin = authority.credentials(ADMIN, Some(MASTERS))?;
        let acceptor = TlsAcceptor::from(Arc::new(authority.server_config()?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(FrontError::Listen)?;
        let address = listener.local_addr().map_err(FrontError::Listen)?;
        let closing = CancellationToken::new();
        let task = tokio::spawn(serve(listener, acceptor, server.clone(), closing.clone()));
        Ok(Self { address, authority, admin, server, closing, task: Some(task) })
    }

    /// Where the door is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the authority, as PEM text.
    pub fn root_certificate(&self) -> String {
        self.authority.pem()
    }

    /// Credentials that may do everything.
    pub fn kubeconfig(&self) -> Kubeconfig {
        let encode = |text: &str| STANDARD.encode(text);
        serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "labctl", "cluster": {
                "server": format!("https://{}", self.address),
                "certificate-authority-data": encode(&self.authority.pem()),
            }}],
            "users": [{"name": ADMIN, "user": {
                "client-certificate-data": encode(&self.admin.certificate),
                "client-key-data": encode(&self.admin.key),
            }}],
            "contexts": [{"name": "labctl", "context": {
                "cluster": "labctl", "user": ADMIN, "namespace": "default",
            }}],
            "current-context": "labctl",
        }))
        .expect("a kubeconfig is written as kube reads it")
    }

    /// Credentials of another user, such as a person in a group.
    ///
    /// # Errors
    /// If there is no randomness to be had.
    pub fn credentials(&self, user: &str, group: Option<&str>) -> Result<Credentials, FrontError> {
        Ok(self.authority.credentials(user, group)?)
    }

    /// Closes the door: watches end, answers that are under way are finished.
    pub async fn close(mut self) {
        self.server.stop();
        self.closing.cancel();
        if let Some(task) = self.task.take() {
            // The task only fails if it panics, and then it is over too.
            _ = task.await;
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, server: Server, closing: CancellationToken) {
    let graceful = GracefulShutdown::new();
    // Dropping the set, when the task is aborted, ends all connections.
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Too many open files, or a peer that went away: the next one may have more luck.
                Err(_) => {
                    sleep(REST).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = closing.cancelled() => break,
        };
        connections.spawn(connection(stream, acceptor.clone(), server.clone(), graceful.watcher()));
    }
    _ = timeout(DRAIN, graceful.shutdown()).await;
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    server: Server,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Small writes, such as watch events, are not to wait for each other.
    _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let user = certificate.and_then(pki::user_of).map(Arc::new);
    let service = service_fn(move |request| {
        let (server, user) = (server.clone(), user.clone());
        async move { Ok::<_, Infallible>(answer(&server, user.as_deref(), request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    // A connection that breaks is the client's business.
    _ = watcher.watch(connection).await;
}

async fn answer(server: &Server, user: Option<&User>, request: Request<Incoming>) -> Response<Body> {
    let token = || {
        let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    let user = user.cloned().or_else(|| server.authenticate(token()?));
    match user {
        Some(user) => server.call(request, user).await,
        None => body::refusal(&Status::unauthorized()),
    }
}
