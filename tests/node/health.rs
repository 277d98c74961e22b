//! Servers that probes ask: over TLS, and over gRPC.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use labctl::host::{ExitStatus, Host};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Answers `/healthy` with 200 and all else with 404, over TLS, with a certificate that nobody has signed.
pub async fn tls(host: Arc<dyn Host>) -> ExitStatus {
    let own = rcgen::generate_simple_self_signed(["whoever".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = host.listen(SocketAddr::from(([0, 0, 0, 0], 443))).await.unwrap();
    loop {
        let stream = listener.accept().await.unwrap().stream;
        let Ok(stream) = acceptor.accept(stream).await else { continue };
        let service = service_fn(|request: Request<Incoming>| async move {
            let status = if request.uri().path() == "/healthy" { 200 } else { 404 };
            Ok::<_, Infallible>(Response::builder().status(status).body(Full::<Bytes>::default()).unwrap())
        });
        // A prober that went away is its own business.
        _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }
}

/// Says of the service `good` that it is serving, and of all others that they are not.
pub async fn grpc(host: Arc<dyn Host>) -> ExitStatus {
    let listener = host.listen(SocketAddr::from(([0, 0, 0, 0], 50051))).await.unwrap();
    loop {
        let stream = listener.accept().await.unwrap().stream;
        let service = service_fn(|request: Request<Incoming>| async move {
            assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
            let question = request.into_body().collect().await.unwrap().to_bytes();
            let state = if question.ends_with(b"\x0a\x04good") { 1 } else { 2 };
            let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
            let answer = Full::new(Bytes::from(vec![0, 0, 0, 0, 2, 8, state]));
            let answer = answer.with_trailers(async { Some(Ok(trailers)) });
            Ok::<_, Infallible>(Response::builder().header("content-type", "application/grpc").body(answer).unwrap())
        });
        // A prober that went away is its own business.
        _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
    }
}
