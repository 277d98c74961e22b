//! `mongodb`: a store of documents that speaks MongoDB's wire protocol, as much of it as our boards need and a driver or
//! a shell expects of a single server: finding by simple conditions, inserting, deleting. All is in memory.

pub mod bson;
pub(super) mod client;
mod commands;
mod connection;
mod filter;
mod store;
pub mod wire;

use std::sync::{Arc, Mutex};

use futures::future::{BoxFuture, FutureExt as _};

use super::server::Server;
use crate::host::{ExitStatus, Host};

/// Runs `mongodb [--host ADDRESS] [--port PORT]`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let store = Arc::new(Mutex::new(store::Store::default()));
    let server = Server { name: "mongodb", port: 27017 };
    server.serve_tcp(host, arguments, move |stream| connection::serve(stream, Arc::clone(&store))).boxed()
}
