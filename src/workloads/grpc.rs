//! gRPC over the host: servers on its listeners, clients on its connections.
//!
//! tonic's own server would detach a task for each connection; a bundled program has to end with its future, so the
//! services are served as any other HTTP.

use std::{convert::Infallible, error::Error as _, sync::Arc, time::Duration};

use axum::{Router, response::IntoResponse};
use futures::FutureExt as _;
use http::Request;
use hyper_util::rt::TokioIo;
use tonic::{
    Status,
    body::Body,
    server::NamedService,
    service::Routes,
    transport::{Channel, Endpoint},
};
use tower::{Service, service_fn};

use super::server::Context;

/// The largest message that a service takes.
pub(super) const MAX_MESSAGE: usize = 64 << 10;
/// How long a call may take, with all the calls it causes.
const CALL: Duration = Duration::from_secs(10);

/// A service, and beside it `grpc.health.v1.Health`.
pub(super) fn router<S>(service: S) -> Router
where
    S: Service<Request<Body>, Response: IntoResponse, Error = Infallible, Future: Send + 'static>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
{
    let (reporter, health) = tonic_health::server::health_reporter();
    // Nobody else knows the reporter yet, so that this need not wait.
    let _ = reporter.set_serving::<S>().now_or_never();
    Routes::new(service).add_service(health.max_decoding_message_size(MAX_MESSAGE)).into_axum_router()
}

/// Says what could not be done because a call failed; the code stays.
pub(super) fn failed(what: &str) -> impl Fn(Status) -> Status {
    move |status| Status::new(status.code(), format!("{what}: {}", reason(&status)))
}

/// What the service says, or what is at the bottom of a connection that failed.
fn reason(status: &Status) -> String {
    let (mut reason, mut next) = (status.message().to_owned(), status.source());
    while let Some(cause) = next {
        reason = cause.to_string();
        next = cause.source();
    }
    if reason.is_empty() { status.code().to_string() } else { reason }
}

impl Context {
    /// A client's channel to the service whose address the environment says, else to `default`.
    ///
    /// It connects when it is first used, and again when the connection is gone.
    pub(super) fn channel(&self, variable: &str, default: &str) -> Result<Channel, String> {
        let upstream = self.upstream(variable, default)?;
        let endpoint = Endpoint::from_shared(format!("http://{upstream}"))
            .and_then(|endpoint| endpoint.user_agent(self.name))
            .map_err(|error| format!("{variable}: {error}"))?
            .timeout(CALL)
            .executor(self.spawner.clone());
        let host = Arc::clone(&self.host);
        Ok(endpoint.connect_with_connector_lazy(service_fn(move |_| {
            let (host, upstream) = (Arc::clone(&host), upstream.clone());
            async move { upstream.connect(&*host).await.map(TokioIo::new) }
        })))
    }
}
