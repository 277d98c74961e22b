//! What must be seen in a cluster.

use schemars::JsonSchema;
use serde_json::json;

use super::{
    assertion::TextAssertion,
    certificate::Certificate,
    http::Http,
    matrix::Matrix,
    mesh::{Auth, Graph},
    outside::Edge,
    resource::Resource,
    steady::Steady,
    text::{Participant, Text},
    wire::Wire,
};

/// One question with its right answer.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Check {
    /// What the proxies of a workload accept, and how they call others.
    Auth(Auth),
    /// What a server, or the sidecar in front of it, presents to whoever connects.
    Certificate(Certificate),
    /// One request from outside of the cluster.
    Edge(Edge),
    /// Who called whom, and whether there is a lock on it.
    Graph(Graph),
    /// One request, its verdict, its answer.
    Http(Http),
    /// At least one line of a container's log for which all of `line` holds.
    Logs(Logs),
    /// Who reaches whom, and over what.
    Matrix(Matrix),
    /// Objects of Kubernetes: how many there are, and what they say.
    Resource(Resource),
    /// One request that is made again and again, through several steps.
    Steady(Steady),
    /// What somebody between two pods sees.
    Wire(Wire),
}

/// Lines in a container's log.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({
    "title": "The server's sidecar knows who called",
    "workload": "httpbin.foo",
    "container": "istio-proxy",
    "line": [{"json": "/peer", "matches": "/sa/sleep$"}],
}))]
pub struct Logs {
    /// One line for people.
    #[schemars(example = &"The server's sidecar knows who called")]
    pub title: Text,
    /// Whose pods.
    #[schemars(example = &"httpbin.foo")]
    pub workload: Participant,
    /// Which container; the workload's own unless said.
    #[schemars(example = &"istio-proxy")]
    pub container: Option<String>,
    /// What holds for at least one line. Sidecars write a JSON object per request.
    #[schemars(length(min = 1), example = json!([{"json": "/peer", "matches": "/sa/sleep$"}]))]
    pub line: Vec<TextAssertion>,
}
