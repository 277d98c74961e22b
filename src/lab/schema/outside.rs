//! Requests from outside of the cluster.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde_json::json;

use super::{
    at_least_one,
    http::Answer,
    never_together,
    text::{NamespacedName, Participant, Text, UrlPath},
};

/// One request from outside of the cluster, by the machine that runs `labctl`. It expects at least one thing.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = target_and_answer)]
#[schemars(example = json!({
    "title": "The page is shown over TLS, by the lab's own authority",
    "url": "https://shop.example/",
    "cacert": "foo/shop-cert",
    "verdict": "tls-only",
    "status": 200,
}))]
#[schemars(example = json!({
    "title": "From outside the page is closed",
    "service": "foo/httpbin",
    "path": "/headers",
    "method": "POST",
    "headers": {"Host": "httpbin.example"},
    "data": "a=1",
    "verdict": "reset",
    "exit": 56,
    "control": {"from": "sleep.foo"},
}))]
pub struct Edge {
    /// One line for people.
    #[schemars(example = &"The page is shown over TLS")]
    pub title: Text,
    /// What is asked.
    #[schemars(flatten)]
    pub request: Outside,
    /// A request that is answered meanwhile, so that a crashed server does not pass for a strict one.
    #[schemars(example = json!({"from": "sleep.foo"}))]
    pub control: Option<Control>,
    /// What must come of it.
    #[schemars(flatten)]
    pub answer: Answer,
}

/// A request from outside of the cluster.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = has_one_target)]
#[schemars(example = json!({"path": "/api/boards", "method": "POST", "data": "{}"}))]
pub struct Outside {
    /// The Service to whose outside address it goes, as `namespace/name`; the mesh's gateway unless said.
    #[schemars(example = &"foo/httpbin")]
    pub service: Option<NamespacedName>,
    /// The path, at the address itself.
    #[schemars(example = &"/headers", extend("default" = "/"))]
    pub path: Option<UrlPath>,
    /// A URL whose host need not exist: it is asked for by name, and the connection goes to the Service all the same.
    #[schemars(example = &"https://shop.example/", extend("pattern" = r"^https?://|\{\{"))]
    pub url: Option<String>,
    /// The method of HTTP; `POST` if there is `data`, else `GET`.
    #[schemars(example = &"POST")]
    pub method: Option<String>,
    /// Request headers.
    #[schemars(example = json!({"Host": "httpbin.example"}))]
    pub headers: Option<BTreeMap<String, String>>,
    /// The request's body.
    #[schemars(example = &"a=1")]
    pub data: Option<String>,
    /// The Secret whose `ca.crt` is believed. Without it no server is (curl's exit code 60).
    #[schemars(example = &"foo/shop-cert")]
    pub cacert: Option<NamespacedName>,
    /// The Secret with the client's certificate (`tls.crt`) and key (`tls.key`).
    #[schemars(example = &"foo/client-cert")]
    pub cert: Option<NamespacedName>,
}

/// What proves that the server is up.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[schemars(example = json!({"from": "sleep.foo"}), example = json!({"path": "/status/200"}))]
pub enum Control {
    /// The same request by a workload inside of the cluster.
    Inside(InsideControl),
    /// Another request from outside.
    Outside(OutsideControl),
}

/// A workload that asks the same inside of the cluster.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({"from": "sleep.foo"}))]
pub struct InsideControl {
    /// Who asks.
    #[schemars(example = &"sleep.foo")]
    pub from: Participant,
}

/// What changes in the request. At least one thing does.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = changes_something)]
#[schemars(example = json!({"path": "/status/200"}))]
pub struct OutsideControl {
    /// Another Service, as `namespace/name`.
    #[schemars(example = &"foo/httpbin")]
    pub service: Option<NamespacedName>,
    /// Another path.
    #[schemars(example = &"/status/200")]
    pub path: Option<UrlPath>,
    /// Another URL.
    #[schemars(example = &"https://shop.example/", extend("pattern" = r"^https?://|\{\{"))]
    pub url: Option<String>,
    /// Other request headers.
    #[schemars(example = json!({"Host": "httpbin.example"}))]
    pub headers: Option<BTreeMap<String, String>>,
    /// Another Secret whose `ca.crt` is believed.
    #[schemars(example = &"foo/shop-cert")]
    pub cacert: Option<NamespacedName>,
    /// Another Secret with the client's certificate and key.
    #[schemars(example = &"foo/client-cert")]
    pub cert: Option<NamespacedName>,
}

/// Says that a request from outside has one target.
pub(super) fn has_one_target(schema: &mut Schema) {
    never_together(schema, &["path", "url"]);
}

fn target_and_answer(schema: &mut Schema) {
    has_one_target(schema);
    Answer::says_something(schema);
}

fn changes_something(schema: &mut Schema) {
    has_one_target(schema);
    at_least_one(schema, &["service", "path", "url", "headers", "cacert", "cert"]);
}
