//! The call of a webhook: HTTPS to a service of the virtual network, or to a URL.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::TlsConnector;

use super::super::Server;
use crate::embedded::store::Key;

/// The largest answer that is read.
const LIMIT: usize = 3 * 1024 * 1024;

/// Why a webhook could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The answer is not 200.
    #[error("{0}")]
    Answer(String),
    /// The certificates by which the server is to be known cannot be read.
    #[error("caBundle: {0}")]
    Bundle(String),
    /// The connection broke.
    #[error("Post {0:?}: {1}")]
    Connection(String, String),
    /// The answer is not JSON, or too large.
    #[error("the answer cannot be read: {0}")]
    Read(String),
    /// The URL makes no sense.
    #[error("{0:?} is not an https URL")]
    Url(String),
}

/// Where a webhook is.
struct Place {
    /// The URL, as messages show it.
    url: String,
    /// The name by which the server is known.
    host: String,
    port: u16,
    path: String,
    /// The address in the virtual network, if it is a service.
    address: Option<SocketAddr>,
}

impl Server {
    /// Sends a review to a webhook and reads the answer.
    pub(super) async fn call_webhook(&self, client: &Value, review: &Value, seconds: u64) -> Result<Value, CallError> {
        let place = self.place(client, seconds)?;
        let exchange = self.exchange(&place, client, review);
        match tokio::time::timeout(Duration::from_secs(seconds), exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::Connection(place.url, "context deadline exceeded".to_owned())),
        }
    }

    async fn exchange(&self, place: &Place, client: &Value, review: &Value) -> Result<Value, CallError> {
        let connector = TlsConnector::from(Arc::new(tls_config(client)?));
        let name = ServerName::try_from(place.host.clone()).map_err(|_| CallError::Url(place.url.clone()))?;
        let broken = |error: String| CallError::Connection(place.url.clone(), error);
        let stream = self.dial(place).await.map_err(|error| broken(why_no_connection(place, &error)))?;
        let stream = connector.connect(name, stream).await.map_err(|error| broken(why_no_tls(&error)))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(error.to_string()))?;
        // Dropped with this future, and the connection with it.
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        let body = serde_json::to_vec(review).expect("JSON values can be written as JSON");
        let request = Request::post(&place.path)
            .header(header::HOST, format!("{}:{}", place.host, place.port))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "kube-apiserver-admission")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| CallError::Url(place.url.clone()))?;
        let response = sender.send_request(request).await.map_err(|error| broken(error.to_string()))?;
        let code = response.status();
        let body = Limited::new(response.into_body(), LIMIT).collect().await;
        let body = body.map_err(|error| CallError::Read(error.to_string()))?.to_bytes();
        if !code.is_success() {
            return Err(CallError::Answer(refused(code, &body)));
        }
        serde_json::from_slice(&body).map_err(|error| CallError::Read(error.to_string()))
    }

    fn place(&self, client: &Value, seconds: u64) -> Result<Place, CallError> {
        if let Some(url) = client["url"].as_str() {
            return place_of_url(url, seconds);
        }
        let service = &client["service"];
        let text = |field: &str| service[field].as_str().unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        let port = service["port"].as_u64().unwrap_or(443);
        let found = self.store().get("services", &Key::new(namespace, name));
        let host = format!("{name}.{namespace}.svc");
        let path = with_timeout(&format!("/{}", text("path").trim_start_matches('/')), seconds);
        let url = format!("https://{host}:{port}{path}");
        let found = found.ok_or_else(|| CallError::Connection(url.clone(), format!("service {name:?} not found")))?;
        let no_port =
            || CallError::Connection(url.clone(), format!("no service port {port} found for service {name:?}"));
        let ports = found["spec"]["ports"].as_array().into_iter().flatten();
        if !ports.into_iter().any(|known| known["port"] == port) {
            return Err(no_port());
        }
        let address: IpAddr =
            found["spec"]["clusterIP"].as_str().and_then(|text| text.parse().ok()).ok_or_else(no_port)?;
        let port = u16::try_from(port).map_err(|_| no_port())?;
        Ok(Place { url, host, port, path, address: Some((address, port).into()) })
    }

    async fn dial(&self, place: &Place) -> io::Result<TcpStream> {
        match place.address {
            Some(address) => {
                let kubelet = self.kubelet().map_err(|status| io::Error::other(status.message))?;
                kubelet.connect(address).await
            }
            None => TcpStream::connect((place.host.as_str(), place.port)).await,
        }
    }
}

fn place_of_url(url: &str, seconds: u64) -> Result<Place, CallError> {
    let wrong = || CallError::Url(url.to_owned());
    let parsed: Uri = url.parse().map_err(|_| wrong())?;
    let host = parsed.host().filter(|_| parsed.scheme_str() == Some("https")).ok_or_else(wrong)?;
    let path = with_timeout(parsed.path(), seconds);
    Ok(Place {
        url: format!("{}{path}", url.trim_end_matches(parsed.path())),
        host: host.trim_matches(['[', ']']).to_owned(),
        port: parsed.port_u16().unwrap_or(443),
        path,
        address: None,
    })
}

/// What an answer other than success means, in the words of Kubernetes' client.
fn refused(code: http::StatusCode, body: &[u8]) -> String {
    match code.as_u16() {
        400 => "the server rejected our request for an unknown reason".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 => "the server does not allow access to the requested resource".to_owned(),
        404 => "the server could not find the requested resource".to_owned(),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        500.. => {
            let text = String::from_utf8_lossy(body);
            let text = if text.trim().is_empty() { "unknown" } else { text.trim() };
            format!("an error on the server ({text:?}) has prevented the request from succeeding")
        }
        _ => format!("the server responded with the status code {} but did not return more information", code.as_u16()),
    }
}

/// Why there is no connection, as far as it can be said in Go's words.
fn why_no_connection(place: &Place, error: &io::Error) -> String {
    let address = place.address.map_or_else(|| format!("{}:{}", place.host, place.port), |address| address.to_string());
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("dial tcp {address}: connect: connection refused"),
        io::ErrorKind::TimedOut => format!("dial tcp {address}: i/o timeout"),
        _ => format!("dial tcp {address}: {error}"),
    }
}

/// Why the server is not trusted, as far as it can be said in Go's words.
fn why_no_tls(error: &io::Error) -> String {
    use rustls::CertificateError::{Expired, ExpiredContext, UnknownIssuer};
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(UnknownIssuer)) => {
            "x509: certificate signed by unknown authority".to_owned()
        }
        Some(rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. })) => {
            "x509: certificate has expired or is not yet valid".to_owned()
        }
        _ if error.kind() == io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
        _ => error.to_string(),
    }
}

/// Tells the webhook how long it has.
fn with_timeout(path: &str, seconds: u64) -> String {
    format!("{path}?timeout={seconds}s")
}

/// Trusts the certificates of the configuration, and no others.
fn tls_config(client: &Value) -> Result<ClientConfig, CallError> {
    let wrong = |why: &dyn std::fmt::Display| CallError::Bundle(why.to_string());
    let bundle = client["caBundle"].as_str().unwrap_or_default();
    let pem = STANDARD.decode(bundle).map_err(|error| wrong(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| wrong(&error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
