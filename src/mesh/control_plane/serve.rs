//! HTTP servers on the program's machine, with and without TLS.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    host::{Accepted, Host, Listener},
    mesh::{
        identity::SpiffeId,
        svid::{self, Validity},
    },
};

/// A short rest after a connection that could not be accepted: if the machine is out of file descriptors, accepting
/// again at once would spin.
const REST: Duration = Duration::from_millis(50);
/// How long a client may take for its handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who a client proved to be; in the extensions of each of its requests.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its identity.
    pub id: SpiffeId,
    /// When its certificate ends.
    pub expires: Timestamp,
}

/// Listens on `address` of the machine.
///
/// # Errors
/// As [`Host::listen`], naming the port.
pub async fn listen(host: &Arc<dyn Host>, address: SocketAddr) -> io::Result<Listener> {
    let port = address.port();
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on port {port}: {error}"));
    host.listen(address).await.map_err(named)
}

/// Serves `router` on `listener`, over TLS if there is a configuration for it; never ends by itself.
pub async fn serve(listener: Listener, tls: Option<Arc<ServerConfig>>, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(Accepted { stream, .. }) => {
                    connections.spawn(connection(stream, tls.clone(), router.clone()));
                }
                // A client that went away at once must not end the mesh's control plane.
                Err(_) => tokio::time::sleep(REST).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection. What goes wrong on it concerns its client only, who sees it.
async fn connection(stream: TcpStream, tls: Option<Arc<ServerConfig>>, router: Router) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    // HTTP/1.1 only: its connections need no tasks of their own, which would outlive the program.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    let Some(tls) = tls else {
        return http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await.ok();
    };
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls).accept(stream));
    let stream = handshake.await.ok()?.ok()?;
    let router = router.layer(Extension(peer(&stream)));
    http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await.ok()
}

fn peer(stream: &TlsStream<TcpStream>) -> Option<Peer> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    Some(Peer { id: svid::identity(certificate)?, expires: Validity::of(certificate).ok()?.not_after })
}
