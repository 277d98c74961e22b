//! What is seen on the wire.

use schemars::JsonSchema;
use serde_json::json;

use super::{
    http::Content,
    text::{Participant, Text, Travels, UrlPath},
};

/// What somebody between two pods sees while one asks the other.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({
    "title": "An eavesdropper reads nothing", "from": "sleep.foo", "to": "httpbin.foo", "path": "/headers",
    "travels": "tls", "hidden": ["GET /headers"],
}))]
pub struct Wire {
    /// One line for people.
    #[schemars(example = &"An eavesdropper reads nothing")]
    pub title: Text,
    /// Who asks.
    #[schemars(example = &"sleep.foo")]
    pub from: Participant,
    /// Who is asked.
    #[schemars(example = &"httpbin.foo")]
    pub to: Participant,
    /// In which container it asks; the workload's own unless said.
    #[schemars(example = &"sleep")]
    pub container: Option<String>,
    /// The path.
    #[schemars(example = &"/headers", extend("default" = "/"))]
    pub path: Option<UrlPath>,
    /// What is sent.
    #[schemars(flatten)]
    pub content: Content,
    /// `tls`: records and nothing else, which carried an answer. `text`: it can be read.
    #[schemars(example = &"tls")]
    pub travels: Travels,
    /// The server name that is sent in the clear, with `travels: tls`.
    #[schemars(example = &"outbound_.8000_._.httpbin.foo.svc.cluster.local")]
    pub sni: Option<String>,
    /// Texts that can be read on the way.
    #[schemars(example = ["GET /headers"])]
    pub readable: Option<Vec<String>>,
    /// Texts that cannot be read on the way. Each must stand in the request or in its answer, else it proves nothing.
    #[schemars(example = ["GET /headers"])]
    pub hidden: Option<Vec<String>>,
}
