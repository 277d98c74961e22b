//! Servers that behave in one certain way.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs::default_provider,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use socket2::SockRef;
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What a server does with each connection.
#[derive(Clone)]
pub enum Behaviour {
    /// Reads the request, sends this, closes.
    Answer(&'static str),
    /// Reads the request, sends this, resets.
    AnswerThenReset(&'static str),
    /// Reads the request, sends this, and then says nothing.
    AnswerThenSilence(&'static str),
    /// Answers in TLS.
    Tls(Arc<ServerConfig>),
}

pub struct Server {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, behaviour.clone()));
            }
        });
        Self { address, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

/// A port that nobody listens on; it stays taken as long as the value lives.
pub fn closed_port() -> (socket2::Socket, u16) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    (socket, port)
}

async fn serve(mut stream: TcpStream, behaviour: Behaviour) {
    match behaviour {
        Behaviour::Answer(answer) => {
            read_request(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        Behaviour::AnswerThenReset(answer) => {
            read_request(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        Behaviour::AnswerThenSilence(answer) => {
            read_request(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            futures::future::pending::<()>().await;
        }
        Behaviour::Tls(config) => {
            let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await else { return };
            read_request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").await;
            let _ = stream.shutdown().await;
        }
    }
}

/// Reads a request's first part; a TLS hello is one, too.
async fn read_request(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let _ = stream.read(&mut [0; 4096]).await;
}

/// Certificates of a CA of our own, in files.
pub struct Pki {
    pub directory: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// Which clients a TLS server wants.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Clients {
    Any,
    Certified,
}

impl Pki {
    /// A CA called `name`: two that are to be strangers to each other need two names.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        let pki = Self { directory, issuer };
        let (certificate, key) = pki.issue(&["client"], |_| {});
        std::fs::write(pki.directory.path().join("client.pem"), certificate.pem()).unwrap();
        std::fs::write(pki.directory.path().join("client.key"), key.serialize_pem()).unwrap();
        pki
    }

    pub fn file(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn issue(&self, names: &[&str], change: impl Fn(&mut CertificateParams)) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A server called `localhost`.
    pub fn server(
        &self,
        clients: Clients,
        versions: &[&'static rustls::SupportedProtocolVersion],
        change: impl Fn(&mut CertificateParams),
    ) -> Behaviour {
        let (certificate, key) = self.issue(&["localhost"], change);
        let provider = Arc::new(default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let verifier: Arc<dyn ClientCertVerifier> = match clients {
            Clients::Any => WebPkiClientVerifier::no_client_auth(),
            Clients::Certified => {
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap()
            }
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Behaviour::Tls(Arc::new(config))
    }
}

pub const TLS13: &[&rustls::SupportedProtocolVersion] = &[&version::TLS13];
pub const TLS12: &[&rustls::SupportedProtocolVersion] = &[&version::TLS12];
