//! `customers`: a list of customers as JSON, and `web-frontend`: a page that shows what it fetched from there.

mod frontend;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value, json};

pub use frontend::program as web_frontend;

use super::server::Server;
use crate::host::{ExitStatus, Host};

/// Names, cities, and what they do.
const CUSTOMERS: [(&str, &str, &str); 6] = [
    ("Amara Diallo", "Lisbon", "Harbour tours"),
    ("Bente Holm", "Aarhus", "Wooden toys"),
    ("Chen Yi", "Taipei", "Tea and paper"),
    ("Diego Fuentes", "Valparaíso", "Funicular repairs"),
    ("Esther Okafor", "Lagos", "Radio plays"),
    ("Filip Novák", "Brno", "Violin strings"),
];

/// Runs `customers [--host ADDRESS] [--port PORT]`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "customers", port: 3000 };
    let routes = Router::new().route("/", get(list)).route("/{id}", get(one)).route("/healthz", get(async || "ok"));
    server.serve_http(host, arguments, |_| Ok(routes)).boxed()
}

fn customers() -> impl Iterator<Item = Value> {
    let customers = CUSTOMERS.iter().enumerate();
    customers.map(|(place, (name, city, trade))| json!({ "id": place + 1, "name": name, "city": city, "trade": trade }))
}

async fn list() -> Json<Vec<Value>> {
    Json(customers().collect())
}

async fn one(Path(id): Path<String>) -> Response {
    let place = id.parse().ok().and_then(|id: usize| id.checked_sub(1));
    match place.and_then(|place| customers().nth(place)) {
        Some(customer) => Json(customer).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({ "error": "there is no such customer" }))).into_response(),
    }
}
