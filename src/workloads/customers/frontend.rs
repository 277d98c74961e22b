//! `web-frontend`: fetches customers for each page it shows; what fails is the page.

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::{
    host::{ExitStatus, Host},
    workloads::{
        ask::{self, Unanswered, Url},
        pages::page,
        server::{Context, Server},
        trace::Trace,
    },
};

/// Where customers are, unless the environment says otherwise.
const CUSTOMERS: &str = "http://customers";

struct Frontend {
    context: Arc<Context>,
    /// As it was given, to be shown.
    source: String,
    url: Url,
}

/// Runs `web-frontend [--host ADDRESS] [--port PORT]`; it fetches `CUSTOMER_SERVICE_URL`.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "web-frontend", port: 8080 };
    let routes = |context: &Arc<Context>| {
        let source = context.host.env("CUSTOMER_SERVICE_URL").unwrap_or_else(|| CUSTOMERS.to_owned());
        let url = Url::parse(&source).map_err(|error| format!("CUSTOMER_SERVICE_URL: {error}"))?;
        let frontend = Arc::new(Frontend { context: Arc::clone(context), source, url });
        Ok(Router::new().route("/", get(show)).route("/healthz", get(async || "ok")).with_state(frontend))
    };
    server.serve_http(host, arguments, routes).boxed()
}

/// Why there is no list to show.
#[derive(Debug, thiserror::Error)]
enum NoCustomers {
    #[error("the answer is no JSON list of objects")]
    NoList,
    #[error("the answer is HTTP {0}: {1}")]
    Status(StatusCode, String),
    #[error("{}", .0.told())]
    Unanswered(#[from] Unanswered),
}

impl NoCustomers {
    fn code(&self) -> String {
        match self {
            Self::NoList => "no list".to_owned(),
            Self::Status(status, _) => format!("HTTP {}", status.as_u16()),
            Self::Unanswered(unanswered) => unanswered.code().0.to_owned(),
        }
    }
}

async fn show(State(frontend): State<Arc<Frontend>>, trace: Trace) -> Response {
    match frontend.fetch(&trace).await {
        Ok(customers) => page(StatusCode::OK, "customers.html", &frontend.table(&customers, &trace)),
        Err(problem) => {
            frontend.context.log(format_args!("{}: {problem} (request {:?})", frontend.source, trace.id()));
            let values = json!({
                "brand": "Web frontend",
                "status": 500,
                "headline": format!("No answer from {}", frontend.source),
                "code": problem.code(),
                "message": format!("Error: {problem}"),
                "request_id": trace.id(),
            });
            page(StatusCode::INTERNAL_SERVER_ERROR, "problem.html", &values)
        }
    }
}

impl Frontend {
    async fn fetch(&self, trace: &Trace) -> Result<Vec<Map<String, Value>>, NoCustomers> {
        let (parts, body) = ask::get(&*self.context.host, trace, &self.url).await?.into_parts();
        if !parts.status.is_success() {
            return Err(NoCustomers::Status(parts.status, first_line(&body)));
        }
        serde_json::from_slice(&body).map_err(|_| NoCustomers::NoList)
    }

    /// Whatever fields the first customer has are the columns, what they are called by first.
    fn table(&self, customers: &[Map<String, Value>], trace: &Trace) -> Value {
        let mut columns: Vec<&String> = customers.first().map(|customer| customer.keys().collect()).unwrap_or_default();
        columns.sort_by_key(|column| !matches!(column.as_str(), "id" | "name"));
        let cell = |customer: &Map<String, Value>, column: &String| match customer.get(column) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let row = |customer| columns.iter().map(|column| cell(customer, column)).collect();
        let rows: Vec<Vec<String>> = customers.iter().map(row).collect();
        json!({ "source": self.source, "columns": columns, "rows": rows, "request_id": trace.id() })
    }
}

fn first_line(body: &Bytes) -> String {
    const MAX_SHOWN: usize = 200;
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_SHOWN)]).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}
