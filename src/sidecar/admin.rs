//! What a sidecar tells its machine: whether it is ready, and what it has counted.

use std::{convert::Infallible, fmt, sync::Arc};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::telemetry::{Telemetry, prometheus};

/// Answers the kubelet's probes of the application (`/app-health/...`), in its place.
pub trait AppHealth: fmt::Debug + Send + Sync {
    /// Asks the application what `path` stands for; answers with a status and a text.
    fn check<'a>(&'a self, path: &'a str) -> BoxFuture<'a, (StatusCode, String)>;
}

/// Answers `/healthz/ready`, `/stats/prometheus`, `/metrics`, and `/app-health/...` where there is somebody to ask.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    pub telemetry: Vec<Arc<Telemetry>>,
    pub draining: CancellationToken,
    pub app_health: Option<Arc<dyn AppHealth>>,
}

impl Admin {
    /// Serves one connection.
    pub async fn serve(self, stream: TcpStream) {
        let service = service_fn(async |request| Ok::<_, Infallible>(self.answer(&request).await));
        // A client that breaks off its own question needs no answer.
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let (status, text) = match (request.method(), request.uri().path(), &self.app_health) {
            (&Method::GET, path, Some(app_health)) if path.starts_with("/app-health/") => app_health.check(path).await,
            (&Method::GET | &Method::HEAD, "/healthz/ready", _) if self.draining.is_cancelled() => {
                (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned())
            }
            (&Method::GET | &Method::HEAD, "/healthz/ready", _) => (StatusCode::OK, "ready\n".to_owned()),
            (&Method::GET | &Method::HEAD, "/stats/prometheus" | "/metrics", _) => {
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
