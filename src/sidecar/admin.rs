//! What a sidecar tells its machine: whether it is ready, and what it has counted.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::telemetry::{Telemetry, prometheus};

/// Answers `/healthz/ready`, `/stats/prometheus` and `/metrics`.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    pub telemetry: Vec<Arc<Telemetry>>,
    pub draining: CancellationToken,
}

impl Admin {
    /// Serves one connection.
    pub async fn serve(self, stream: TcpStream) {
        let service = service_fn(|request| {
            let response = self.answer(&request);
            async move { Ok::<_, Infallible>(response) }
        });
        // A client that breaks off its own question needs no answer.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let (status, text) = match (request.method(), request.uri().path()) {
            (&Method::GET | &Method::HEAD, "/healthz/ready") if self.draining.is_cancelled() => {
                (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned())
            }
            (&Method::GET | &Method::HEAD, "/healthz/ready") => (StatusCode::OK, "ready\n".to_owned()),
            (&Method::GET | &Method::HEAD, "/stats/prometheus" | "/metrics") => {
                (StatusCode::OK, prometheus(&self.telemetry))
            }
            _ => (StatusCode::NOT_FOUND, "known: /healthz/ready, /stats/prometheus, /metrics\n".to_owned()),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
        response
    }
}
