//! `context-scraper`: what is behind a link, as JSON.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    routing::get,
};
use futures::future::{BoxFuture, FutureExt as _};
use serde::{Deserialize, Serialize};

use super::refusal::{self, Refusal};
use crate::{
    host::{ExitStatus, Host},
    workloads::{
        ask::{self, Url},
        server::{Context, Server},
        trace::Trace,
    },
};

/// The longest title that is told.
const MAX_TITLE: usize = 200;

/// Runs `context-scraper [--host ADDRESS] [--port PORT]`; it asks for whatever URL it is given.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    let server = Server { name: "context-scraper", port: 8080 };
    let routes = |context: &Arc<Context>| {
        let routes = Router::new().route("/scrape", get(scrape)).route("/healthz", get(async || "ok"));
        Ok(routes.fallback(refusal::not_found).with_state(Arc::clone(context)))
    };
    server.serve_http(host, arguments, routes).boxed()
}

#[derive(Deserialize)]
struct Scrape {
    url: String,
}

/// What is behind a link.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Scraped {
    url: String,
    status: u16,
    /// None for anything but a page with a title.
    pub(super) title: Option<String>,
}

/// `/scrape?url=URL`.
async fn scrape(
    State(context): State<Arc<Context>>,
    trace: Trace,
    query: Result<Query<Scrape>, QueryRejection>,
) -> Result<Json<Scraped>, Refusal> {
    let Query(Scrape { url: text }) = query.map_err(|error| Refusal::nonsense(error.to_string()))?;
    let url = Url::parse(&text).map_err(|error| Refusal::nonsense(error.to_string()))?;
    let answer = ask::get(&*context.host, &trace, &url).await;
    let answer = answer.map_err(|error| Refusal::unavailable(format!("{text} does not answer: {}", error.told())))?;
    let title = title(&String::from_utf8_lossy(answer.body()));
    Ok(Json(Scraped { url: text, status: answer.status().as_u16(), title }))
}

/// The text of a page's `<title>`, with the five entities that matter there.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title>")?;
    let words: Vec<&str> = page[start..end].split_whitespace().collect();
    let mut title = words.join(" ");
    for (entity, letter) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
        title = title.replace(entity, letter);
    }
    let title: String = title.chars().take(MAX_TITLE).collect();
    Some(title).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn titles() {
        assert_eq!(title("<html><TITLE lang=en>\n A &amp; B </TITLE>"), Some("A & B".to_owned()));
        for none in ["", "<title>", "<title></title>", "<title>x", "text"] {
            assert_eq!(title(none), None, "{none}");
        }
    }
}
