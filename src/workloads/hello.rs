//! `hello`: answers every path with a greeting.

use std::sync::Arc;

use axum::{Router, http::Uri};
use futures::future::{BoxFuture, FutureExt as _};

use super::server::Server;
use crate::host::{ExitStatus, Host};

/// Runs `hello [--host ADDRESS] [--port PORT]`: `Hello World! /` for `/`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "hello", port: 80 };
    server.serve_http(host, arguments, |_| Ok(Router::new().fallback(greet))).boxed()
}

async fn greet(uri: Uri) -> String {
    format!("Hello World! {}\n", uri.path())
}
