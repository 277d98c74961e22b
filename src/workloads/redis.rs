//! `redis`: a store of strings and hashes that speaks RESP, as much of Redis as an application with carts needs and a
//! person with `redis-cli` tries. All is in memory.

pub(super) mod client;
mod commands;
mod connection;
mod hashes;
mod keys;
pub mod resp;
mod store;
mod strings;

use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt as _};

use super::server::Server;
use crate::host::{ExitStatus, Host};

/// Runs `redis [--host ADDRESS] [--port PORT]`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let store = Arc::new(Mutex::new(store::Store::default()));
    let server = Server { name: "redis", port: 6379 };
    server.serve_tcp(host, arguments, move |stream| connection::serve(stream, Arc::clone(&store))).boxed()
}
