//! `httpbin`: an HTTP server that shows what it was asked, as people know it from go-httpbin.
//!
//! HTTP/1.1 and HTTP/2 with prior knowledge on one port.

mod answers;
mod echo;
mod streams;
mod websocket;

use std::sync::Arc;

use axum::{
    Router,
    routing::{any, get, post},
};
use futures::future::{BoxFuture, FutureExt as _};

use super::{server::Server, tasks::Spawner};
use crate::host::{ExitStatus, Host};

/// Runs `httpbin [--host ADDRESS] [--port PORT]` until it is asked to end, then lets open requests finish.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "httpbin", port: 8080 };
    server.serve_http(host, arguments, |context| Ok(router(context.spawner.clone()))).boxed()
}

fn router(spawner: Spawner) -> Router {
    Router::new()
        .route("/", get(answers::index))
        .route("/anything", any(echo::anything))
        .route("/anything/{*rest}", any(echo::anything))
        .route("/base64/{text}", get(answers::base64))
        .route("/basic-auth/{user}/{password}", get(answers::basic_auth))
        .route("/bearer", get(answers::bearer))
        .route("/bytes/{count}", get(streams::bytes))
        .route("/delay/{seconds}", any(streams::delay))
        .route("/delete", axum::routing::delete(echo::anything))
        .route("/drip", get(streams::drip))
        .route("/get", get(echo::get))
        .route("/headers", get(echo::headers))
        .route("/html", get(answers::html))
        .route("/ip", get(echo::ip))
        .route("/json", get(answers::json))
        .route("/patch", axum::routing::patch(echo::anything))
        .route("/post", post(echo::anything))
        .route("/put", axum::routing::put(echo::anything))
        .route("/redirect-to", any(answers::redirect_to))
        .route("/redirect/{count}", get(answers::redirect))
        .route("/relative-redirect/{count}", get(answers::redirect))
        .route("/response-headers", any(answers::response_headers))
        .route("/status/{code}", any(answers::status))
        .route("/stream-bytes/{count}", get(streams::stream_bytes))
        .route("/stream/{count}", get(streams::stream))
        .route("/user-agent", get(echo::user_agent))
        .route("/uuid", get(answers::uuid))
        .route("/websocket/echo", get(move |request| websocket::echo(request, spawner.clone())))
        .fallback(answers::not_found)
        .method_not_allowed_fallback(answers::method_not_allowed)
}
