//! What the mesh says of itself: its proxies, its graph.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde_json::json;

use super::{
    at_least_one,
    text::{ClientMode, ListenerMode, Lock, Participant, Text},
};

/// What the proxies of all ready pods of a workload accept and do, as `labctl auth check` shows it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = expects_something)]
#[schemars(example = json!({
    "title": "The proxy takes mutual TLS only", "of": "httpbin.foo", "listeners": {"8080": "STRICT"},
    "outbound": {"httpbin.foo:8000": "ISTIO_MUTUAL"},
}))]
pub struct Auth {
    /// One line for people.
    #[schemars(example = &"The proxy takes mutual TLS only")]
    pub title: Text,
    /// Whose proxies.
    #[schemars(example = &"httpbin.foo")]
    pub of: Participant,
    /// The mode in effect by the workload's port; `others` are all ports that nobody names.
    #[schemars(example = json!({"8080": "STRICT", "others": "PERMISSIVE"}))]
    pub listeners: Option<BTreeMap<String, ListenerMode>>,
    /// How a Service port is called, by `host:port`.
    #[schemars(example = json!({"httpbin.foo:8000": "ISTIO_MUTUAL"}))]
    pub outbound: Option<BTreeMap<String, ClientMode>>,
}

fn expects_something(schema: &mut Schema) {
    at_least_one(schema, &["listeners", "outbound"]);
}

/// Edges that `labctl graph` must show, of what was called while the step was solved.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({
    "title": "The graph has a lock",
    "edges": [{"from": "sleep.foo", "to": "httpbin.foo", "lock": "closed"}],
}))]
pub struct Graph {
    /// One line for people.
    #[schemars(example = &"The graph has a lock")]
    pub title: Text,
    /// The edges.
    #[schemars(length(min = 1), example = json!([{"from": "sleep.foo", "to": "httpbin.foo", "lock": "closed"}]))]
    pub edges: Vec<GraphEdge>,
}

/// Calls of one end to another.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({"from": "unknown", "to": "httpbin.foo", "lock": "open"}))]
pub struct GraphEdge {
    /// Who calls: a workload, `istio-ingressgateway`, or `unknown` for callers that prove nothing.
    #[schemars(example = &"unknown")]
    pub from: Participant,
    /// Who is called.
    #[schemars(example = &"httpbin.foo")]
    pub to: Participant,
    /// `closed`: mutual TLS and nothing else, by the word of both ends. `open`: plaintext.
    #[schemars(example = &"closed")]
    pub lock: Lock,
}
