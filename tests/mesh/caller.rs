//! A program of the tests that calls the control plane from inside a pod.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1, server, service::service_fn};
use hyper_util::rt::TokioIo;
use labctl::{
    host::{ExitStatus, Host, Output},
    sidecar::config::Svid,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsConnector;

const CONTROL_PLANE: &str = "labctl-mesh.istio-system.svc";

/// What to ask of the control plane; travels as the program's only argument.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Call {
    method: String,
    path: String,
    token: Option<String>,
    body: String,
    /// Certificates of the client, DER; none if empty.
    chain: Vec<Vec<u8>>,
    key: Vec<u8>,
    /// The mesh's root, PEM.
    roots: String,
}

/// What it answered; travels as the program's output.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Call {
    pub fn certificate(token: &str, csr: &str) -> Self {
        Self {
            method: "POST".to_owned(),
            path: "/v1/certificate".to_owned(),
            token: Some(token.to_owned()),
            body: csr.to_owned(),
            ..Self::default()
        }
    }

    pub fn trusting(&self, roots: String) -> Self {
        Self { roots, ..self.clone() }
    }

    /// What a pod's sidecar has counted: nothing, in answer to look 1.
    pub fn traffic(pod: &str, svid: Option<&Svid>) -> Self {
        let asked = Self::configuration(pod, svid);
        let body = r#"{"recentSeconds": 1.0, "series": []}"#.to_owned();
        Self { method: "POST".to_owned(), path: format!("/v1/traffic?pod={pod}&look=1"), body, ..asked }
    }

    pub fn configuration(pod: &str, svid: Option<&Svid>) -> Self {
        let chain = svid.iter().flat_map(|svid| &svid.chain).map(|certificate| certificate.to_vec()).collect();
        let key = svid.map(|svid| svid.key.secret_der().to_vec()).unwrap_or_default();
        Self { method: "GET".to_owned(), path: format!("/v1/config?pod={pod}"), chain, key, ..Self::default() }
    }
}

/// Makes one call and prints the answer.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    Box::pin(async move {
        let call: Call = serde_json::from_str(&arguments[0]).unwrap();
        let address = host.resolve(CONTROL_PLANE).await.unwrap()[0];
        let stream = host.connect(SocketAddr::new(address, 15012), None).await.unwrap();
        let connector = TlsConnector::from(Arc::new(tls(&call)));
        let stream = connector.connect(ServerName::try_from(CONTROL_PLANE).unwrap(), stream).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let answer = async {
            let mut request = Request::builder().method(call.method.as_str()).uri(&call.path).header("host", "x");
            if call.body.starts_with('{') {
                request = request.header("content-type", "application/json");
            }
            if let Some(token) = call.token.filter(|token| !token.is_empty()) {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let response = sender.send_request(request.body(Full::<Bytes>::from(call.body)).unwrap()).await.unwrap();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            Answer { status, body: String::from_utf8(body.to_vec()).unwrap() }
        };
        let answer = tokio::select! {
            answer = answer => answer,
            ended = connection => panic!("the connection ended: {ended:?}"),
        };
        host.print(Output::Stdout, &serde_json::to_vec(&answer).unwrap());
        ExitStatus::SUCCESS
    })
}

fn tls(call: &Call) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(call.roots.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    if call.chain.is_empty() {
        return builder.with_no_client_auth();
    }
    let chain = call.chain.iter().map(|certificate| certificate.clone().into()).collect();
    builder.with_client_auth_cert(chain, PrivateKeyDer::try_from(call.key.clone()).unwrap()).unwrap()
}

/// Does nothing until it is told to end.
pub fn pause(host: Arc<dyn Host>, _: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    Box::pin(async move {
        host.shutdown().cancelled().await;
        ExitStatus::SUCCESS
    })
}

/// An application: answers `/ready` with 200 and anything else with 404, on port 8080.
pub fn application(host: Arc<dyn Host>, _: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    Box::pin(async move {
        let listener = host.listen(SocketAddr::from(([0, 0, 0, 0], 8080))).await.unwrap();
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted.unwrap(),
                () = host.shutdown().cancelled_owned() => return ExitStatus::SUCCESS,
            };
            let answer = service_fn(async |request: Request<Incoming>| {
                let status = if request.uri().path() == "/ready" { 200 } else { 404 };
                Response::builder().status(status).body(Full::<Bytes>::default())
            });
            connections
                .spawn(server::conn::http1::Builder::new().serve_connection(TokioIo::new(accepted.stream), answer));
        }
    })
}
