//! The control plane as an agent sees it: an HTTPS server that is verified against the mesh's root.

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
    response::Parts,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    host::Host,
    mesh::{
        control_plane::{
            certificates::IssuedCertificate,
            configuration::{LONGEST_WAIT, LOOK},
        },
        distribute::PodName,
        identity::SpiffeId,
        inject,
        svid::{self, SvidError},
        tls::{self, TlsError},
    },
    sidecar::{
        config::{ProxyConfig, Svid},
        telemetry::{Report, Workload},
    },
};

/// Where the mesh's root is mounted.
const ROOT: &str = "/var/run/secrets/istio/root-cert.pem";
/// Where the token for the mesh's authority is mounted.
const TOKEN: &str = "/var/run/secrets/tokens/istio-token";
/// How long connecting may take, and any answer that need not wait for news.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than any configuration has.
const LARGEST_ANSWER: usize = 256 * 1024 * 1024;

/// Why the control plane could not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum AgentError {
    #[error("the answer of the control plane makes no sense: {0}")]
    Answer(String),
    #[error("`{0}` is not understood (write `--role sidecar` or `--role gateway`)")]
    Arguments(String),
    #[error("cannot connect to the control plane {0}: {1}")]
    Connect(String, io::Error),
    #[error("cannot read {0}: {1}")]
    File(&'static str, io::Error),
    #[error("the connection to the control plane broke: {0}")]
    Http(hyper::Error),
    #[error("the control plane takes too long")]
    Late,
    #[error("the control plane refuses ({0}): {1}")]
    Refused(StatusCode, String),
    #[error("{0}")]
    Svid(SvidError),
    #[error("{0}")]
    Tls(TlsError),
    #[error("the environment variable {0} is not set, or makes no sense; is this an injected pod?")]
    Variable(&'static str),
}

/// Where the control plane is, and for whom it is asked.
pub(super) struct ControlPlane {
    host: Arc<dyn Host>,
    name: String,
    port: u16,
    pod: PodName,
    id: SpiffeId,
}

impl ControlPlane {
    /// Reads what injection has put into the environment.
    pub(super) fn new(host: Arc<dyn Host>) -> Result<Self, AgentError> {
        let variable = |name| host.env(name).filter(|value| !value.is_empty()).ok_or(AgentError::Variable(name));
        let pod = PodName { namespace: variable("POD_NAMESPACE")?, name: variable("POD_NAME")? };
        let account = host.env("SERVICE_ACCOUNT").filter(|name| !name.is_empty());
        let id = SpiffeId::new(&variable("TRUST_DOMAIN")?, &pod.namespace, account.as_deref().unwrap_or("default"));
        let address = variable("CA_ADDR")?;
        let (name, port) = address.rsplit_once(':').ok_or(AgentError::Variable("CA_ADDR"))?;
        let port = port.parse().map_err(|_| AgentError::Variable("CA_ADDR"))?;
        Ok(Self { name: name.to_owned(), port, pod, id, host })
    }

    /// The workload of the pod, if injection has told it.
    pub(super) fn workload(&self) -> Option<Workload> {
        let name = self.host.env(inject::WORKLOAD_VARIABLE).filter(|name| !name.is_empty())?;
        Some(Workload { namespace: self.pod.namespace.as_str().into(), name: name.into() })
    }

    /// Asks for a certificate for a new key.
    pub(super) async fn certificate(&self) -> Result<Svid, AgentError> {
        let token = self.text(TOKEN)?;
        let request = svid::Request::new(&self.id).map_err(AgentError::Svid)?;
        let mut connection = self.connect(None).await?;
        let asked = Request::post("/v1/certificate")
            .header(HOST, &self.name)
            .header(AUTHORIZATION, format!("Bearer {}", token.trim()))
            .body(Full::from(request.pem.clone()))
            .map_err(|error| AgentError::File(TOKEN, io::Error::new(io::ErrorKind::InvalidData, error)))?;
        let (_, body) = connection.ask(asked, PATIENCE).await?;
        let issued: IssuedCertificate =
            serde_json::from_slice(&body).map_err(|error| AgentError::Answer(error.to_string()))?;
        request.complete(&issued.chain, &issued.roots).map_err(AgentError::Svid)
    }

    /// Connects, and shows `own` if it is given.
    pub(super) async fn connect(&self, own: Option<&Svid>) -> Result<Connection, AgentError> {
        let roots = self.roots()?;
        let tls = tls::client(&roots, own).map_err(AgentError::Tls)?;
        let connected = timeout(PATIENCE, self.dial(TlsConnector::from(Arc::new(tls)))).await;
        let stream = connected
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| AgentError::Connect(format!("{}:{}", self.name, self.port), error))?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(AgentError::Http)?;
        let driver = AbortOnDropHandle::new(tokio::spawn(async move {
            // What goes wrong on the connection is what whoever waits for an answer gets to know.
            let _ = driver.await;
        }));
        Ok(Connection { sender, _driver: driver, name: self.name.clone(), pod: self.pod.clone() })
    }

    /// Whether the mounted root is another one than the certificate was issued under.
    pub(super) fn has_other_roots(&self, own: &Svid) -> bool {
        self.roots().is_ok_and(|roots| roots != own.roots)
    }

    async fn dial(&self, tls: TlsConnector) -> io::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
        let name = ServerName::try_from(self.name.clone())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let mut failure = io::ErrorKind::NotFound.into();
        for address in self.host.resolve(&self.name).await? {
            match self.host.connect(SocketAddr::new(address, self.port), None).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return tls.connect(name, stream).await;
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn roots(&self) -> Result<Vec<CertificateDer<'static>>, AgentError> {
        svid::certificates(&self.text(ROOT)?).map_err(AgentError::Svid)
    }

    fn text(&self, file: &'static str) -> Result<String, AgentError> {
        let bytes = self.host.read(Path::new(file)).map_err(|error| AgentError::File(file, error))?;
        String::from_utf8(bytes)
            .map_err(|error| AgentError::File(file, io::Error::new(io::ErrorKind::InvalidData, error)))
    }
}

/// What the control plane has to say.
pub(super) enum News {
    /// Another configuration.
    Configuration(ProxyConfig),
    /// Somebody wants to know what has been counted; the look's number.
    Look(u64),
    /// Nothing, for a while.
    None,
}

/// A connection to the control plane; dropping it closes it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
    name: String,
    pod: PodName,
}

impl Connection {
    /// Waits for a configuration other than `acknowledged`, or for a look other than the one that was `answered`, if any
    /// could be.
    pub(super) async fn news(&mut self, acknowledged: Option<&str>, answered: Option<u64>) -> Result<News, AgentError> {
        let (acknowledged, own) = (acknowledged.unwrap_or_default(), env!("CARGO_PKG_VERSION"));
        let look = answered.map(|look| format!("&look={look}")).unwrap_or_default();
        let path = format!("/v1/config?pod={}&acknowledged={acknowledged}&program={own}{look}", self.pod);
        let asked = Request::get(path)
            .header(HOST, &self.name)
            .body(Full::default())
            .map_err(|error| AgentError::Answer(format!("no version that can be named: {error}")))?;
        let (head, body) = self.ask(asked, LONGEST_WAIT + PATIENCE).await?;
        if head.status == StatusCode::NO_CONTENT {
            let look = head.headers.get(LOOK).and_then(|look| look.to_str().ok()?.parse().ok());
            return Ok(look.map_or(News::None, News::Look));
        }
        serde_json::from_slice(&body).map(News::Configuration).map_err(|error| AgentError::Answer(error.to_string()))
    }

    /// Tells what has been counted, in answer to a look.
    pub(super) async fn tell(&mut self, look: u64, report: &Report) -> Result<(), AgentError> {
        let text = serde_json::to_vec(report).expect("plain data is JSON");
        let told = Request::post(format!("/v1/traffic?pod={}&look={look}", self.pod))
            .header(HOST, &self.name)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(text))
            .expect("the name of a pod is part of a path");
        self.ask(told, PATIENCE).await.map(|_| ())
    }

    /// Sends a request and takes its answer; whatever is no success is an error.
    async fn ask(&mut self, request: Request<Full<Bytes>>, patience: Duration) -> Result<(Parts, Bytes), AgentError> {
        let answered = async {
            let response = self.sender.send_request(request).await.map_err(AgentError::Http)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await;
            Ok((head, body.map_err(|error| AgentError::Answer(error.to_string()))?.to_bytes()))
        };
        let (head, body) = timeout(patience, answered).await.map_err(|_| AgentError::Late)??;
        if !head.status.is_success() {
            return Err(AgentError::Refused(head.status, String::from_utf8_lossy(&body).trim().to_owned()));
        }
        Ok((head, body))
    }
}
