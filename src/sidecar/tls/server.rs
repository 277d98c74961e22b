//! The server side of a handshake: one configuration per identity and answered protocol, never per connection.

use std::{io, sync::Arc, time::Duration};

use rustls::{ServerConfig, server::NoServerSessionStorage, sign::SingleCertAndKey};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{StartHandshake, server::TlsStream};

use super::{Identity, TlsError, provider, verify::VerifiedClients};
use crate::sidecar::{sniff::Hello, stream::Prefixed};

/// How long a handshake may take, as Envoy's `transport_socket_connect_timeout` in Istio.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);
/// How long we wait for a refused client to read its alert.
const FAREWELL_LIMIT: Duration = Duration::from_secs(1);

/// What is answered to the protocols a client offers, best first.
const HTTP_ANSWERS: &[&[u8]] = &[b"h2", b"http/1.1"];
const TCP_ANSWERS: &[&[u8]] = &[b"istio-peer-exchange", b"h2", b"http/1.1"];

/// The server side's configurations for one identity.
#[derive(Debug)]
pub struct ServerTls {
    /// By answered protocol. rustls refuses clients whose offers it does not know, where Envoy answers nothing:
    /// so the answer is chosen here, and each configuration has just that.
    answers: Vec<(&'static [u8], Arc<ServerConfig>)>,
    no_answer: Arc<ServerConfig>,
}

impl ServerTls {
    /// Prepares to serve as `identity` for clients of the trust domains.
    ///
    /// # Errors
    /// If the identity's roots cannot verify anybody.
    pub fn new(identity: &Identity, trust_domains: &[String]) -> Result<Self, TlsError> {
        let clients = VerifiedClients::of_mesh(identity.roots.clone(), trust_domains)?;
        Self::showing(identity.certificate.clone(), Some(clients))
    }

    /// Prepares to serve as whoever `own` is; clients are asked for a certificate only if there is somebody to verify it.
    ///
    /// # Errors
    /// If the provider of cryptography has no protocol version to offer.
    pub fn showing(own: Arc<SingleCertAndKey>, clients: Option<VerifiedClients>) -> Result<Self, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider().clone()).with_safe_default_protocol_versions()?;
        let builder = match clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::new(clients)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(own);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        let answering = |protocol: &[u8]| {
            let mut config = config.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            Arc::new(config)
        };
        let answers = TCP_ANSWERS.iter().map(|&protocol| (protocol, answering(protocol))).collect();
        Ok(Self { answers, no_answer: Arc::new(config) })
    }

    /// Answers a ClientHello and sees the handshake through.
    ///
    /// # Errors
    /// If the client is refused or gives up; it has been told by an alert then, and the connection is closed.
    pub async fn accept(&self, hello: Hello, http: bool, stream: TcpStream) -> io::Result<Box<TlsStream<Prefixed>>> {
        let config = self.config(&hello, http).clone();
        let handshake = StartHandshake::from_parts(hello.accepted, Prefixed::new(hello.rest, stream));
        let fallible = handshake.into_stream(config).into_fallible();
        match timeout(HANDSHAKE_LIMIT, fallible).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err((error, stream))) => {
                farewell(stream).await;
                Err(error)
            }
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn config(&self, hello: &Hello, http: bool) -> &Arc<ServerConfig> {
        let answers = if http { HTTP_ANSWERS } else { TCP_ANSWERS };
        let chosen = answers.iter().find(|protocol| hello.offers(protocol));
        let chosen = chosen.and_then(|chosen| self.answers.iter().find(|(protocol, _)| protocol == chosen));
        chosen.map_or(&self.no_answer, |(_, config)| config)
    }
}

/// Closes a connection so that the alert we sent is read: with unread bytes left in the socket, closing would
/// send a reset that can overtake it.
async fn farewell(mut stream: Prefixed) {
    let drain = async {
        stream.flush().await?;
        stream.shutdown().await?;
        let mut unread = [0; 1024];
        while stream.read(&mut unread).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // Whether the client listens to the end is its own business.
    let _ = timeout(FAREWELL_LIMIT, drain).await;
}
