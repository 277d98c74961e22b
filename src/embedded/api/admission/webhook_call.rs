//! The call of a webhook: HTTPS to a service of the virtual network, or to a URL.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
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
    #[error("the server answered {0}")]
    Answer(http::StatusCode),
    /// The certificates by which the server is to be known cannot be read.
    #[error("caBundle: {0}")]
    Bundle(String),
    /// The connection broke.
    #[error("Post {0:?}: {1}")]
    Connection(String, String),
    /// The answer is not JSON, or too large.
    #[error("the answer cannot be read: {0}")]
    Read(String),
    /// The service is not there.
    #[error("service {0:?} not found")]
    Service(String),
    /// The service has no such port, or no address.
    #[error("no service port {0} found for service {1:?}")]
    ServicePort(u64, String),
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
        let connector = TlsConnector::from(Arc::new(tls_config(client)?));
        let name = ServerName::try_from(place.host.clone()).map_err(|_| CallError::Url(place.url.clone()))?;
        let broken = |error: String| CallError::Connection(place.url.clone(), error);
        let stream = self.dial(&place).await.map_err(|error| broken(error.to_string()))?;
        let stream = connector.connect(name, stream).await.map_err(|error| broken(error.to_string()))?;
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
        if !response.status().is_success() {
            return Err(CallError::Answer(response.status()));
        }
        let body = Limited::new(response.into_body(), LIMIT).collect().await;
        let body = body.map_err(|error| CallError::Read(error.to_string()))?;
        serde_json::from_slice(&body.to_bytes()).map_err(|error| CallError::Read(error.to_string()))
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
        let found = found.ok_or_else(|| CallError::Service(name.to_owned()))?;
        let no_port = || CallError::ServicePort(port, name.to_owned());
        let ports = found["spec"]["ports"].as_array().into_iter().flatten();
        if !ports.into_iter().any(|known| known["port"] == port) {
            return Err(no_port());
        }
        let address: IpAddr =
            found["spec"]["clusterIP"].as_str().and_then(|text| text.parse().ok()).ok_or_else(no_port)?;
        let port = u16::try_from(port).map_err(|_| no_port())?;
        let host = format!("{name}.{namespace}.svc");
        let path = with_timeout(&format!("/{}", text("path").trim_start_matches('/')), seconds);
        Ok(Place {
            url: format!("https://{host}:{port}{path}"),
            host,
            port,
            path,
            address: Some((address, port).into()),
        })
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
