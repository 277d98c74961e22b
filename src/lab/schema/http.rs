//! One request, and its answer.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde_json::json;

use super::{
    assertion::{HeaderAssertion, TextAssertion},
    at_least_one, exactly_one, never_together,
    text::{Number, Participant, Text, UrlPath, Verdict},
};

/// One request with curl. It has `to` or `url`, and expects at least one thing.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = target_and_answer)]
#[schemars(example = json!({
    "title": "The server is told who calls",
    "from": "sleep.foo",
    "to": "httpbin.foo",
    "path": "/headers",
    "verdict": "mtls",
    "response": [{"header": "content-type", "equals": "application/json"}],
    "body": [{"json": "/headers/X-Forwarded-Client-Cert", "matches": "/ns/foo/sa/sleep$"}],
}))]
#[schemars(example = json!({
    "title": "The page comes over HTTPS",
    "from": "sleep.foo",
    "container": "istio-proxy",
    "url": "https://shop.example/",
    "method": "POST",
    "headers": {"Accept": "text/html"},
    "data": "a=1",
    "exit": 0,
    "status": 200,
    "message": "",
    "control": "sleep.foo",
}))]
pub struct Http {
    /// One line for people.
    #[schemars(example = &"The server is told who calls")]
    pub title: Text,
    /// What is asked.
    #[schemars(flatten)]
    pub request: Request,
    /// A workload whose same request is answered, so that a crashed server does not pass for a strict one.
    #[schemars(example = &"sleep.foo")]
    pub control: Option<Participant>,
    /// What must come of it.
    #[schemars(flatten)]
    pub answer: Answer,
}

/// What a workload asks.
#[derive(JsonSchema)]
pub struct Request {
    /// Who asks.
    #[schemars(example = &"sleep.foo")]
    pub from: Participant,
    /// In which container; the asking workload's own unless said.
    #[schemars(example = &"istio-proxy")]
    pub container: Option<String>,
    /// Whom it asks, if that is a workload of the lab. Its sidecar's evidence then confirms the verdict.
    #[schemars(example = &"httpbin.foo")]
    pub to: Option<Participant>,
    /// The path, with `to`.
    #[schemars(example = &"/headers", extend("default" = "/"))]
    pub path: Option<UrlPath>,
    /// The whole URL, for anything else than a workload of the lab.
    #[schemars(example = &"https://shop.example/")]
    pub url: Option<String>,
    /// What is sent.
    #[schemars(flatten)]
    pub content: Content,
}

/// What a request carries.
#[derive(JsonSchema)]
pub struct Content {
    /// The method of HTTP.
    #[schemars(example = &"POST", extend("default" = "GET"))]
    pub method: Option<String>,
    /// Request headers.
    #[schemars(example = json!({"Accept": "text/html"}))]
    pub headers: Option<BTreeMap<String, String>>,
    /// The request's body.
    #[schemars(example = &"a=1")]
    pub data: Option<String>,
}

/// What must come of a request: at least one thing.
#[derive(JsonSchema)]
pub struct Answer {
    /// What must be seen of the connection. One that means "blocked" needs a `control`.
    #[schemars(example = &"mtls")]
    pub verdict: Option<Verdict>,
    /// curl's exit code.
    #[schemars(example = 0)]
    pub exit: Option<Number<0, 255>>,
    /// What `%{http_code}` prints; 0 for `000`.
    #[schemars(example = 200)]
    pub status: Option<Number<0, 599>>,
    /// What stands on standard error.
    #[schemars(example = &"curl: (56) Recv failure: Connection reset by peer")]
    pub message: Option<String>,
    /// What holds for the answer's headers.
    #[schemars(length(min = 1), example = json!([{"header": "location", "equals": "/"}]))]
    pub response: Option<Vec<HeaderAssertion>>,
    /// What holds for the answer's body.
    #[schemars(length(min = 1), example = json!([{"contains": "Hello"}]))]
    pub body: Option<Vec<TextAssertion>>,
}

impl Answer {
    /// Says that a check with an answer expects something.
    pub(super) fn says_something(schema: &mut Schema) {
        at_least_one(schema, &["verdict", "status", "exit", "message", "response", "body"]);
    }
}

impl Request {
    /// Says that a request has one target.
    pub(super) fn has_a_target(schema: &mut Schema) {
        exactly_one(schema, &["to", "url"]);
        never_together(schema, &["path", "url"]);
    }
}

fn target_and_answer(schema: &mut Schema) {
    Request::has_a_target(schema);
    Answer::says_something(schema);
}
