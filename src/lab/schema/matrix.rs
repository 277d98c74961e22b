//! Who reaches whom.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::text::{Number, Participant, Text, UrlPath, Verdict};

/// All pairs of callers and servers.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, example = Self::example())]
pub struct Matrix {
    /// One line for people.
    #[schemars(example = &"Plaintext is refused")]
    pub title: Text,
    /// The path that is asked for.
    #[schemars(example = &"/headers", extend("default" = "/"))]
    pub path: Option<UrlPath>,
    /// The columns: who is asked.
    #[schemars(length(min = 1), example = ["httpbin.foo"])]
    pub to: Vec<Participant>,
    /// The rows: who asks, with a verdict per column.
    #[schemars(example = json!({"sleep.foo": ["mtls"]}), extend("minProperties" = 1))]
    pub from: BTreeMap<String, Vec<Verdict>>,
    /// What curl must show to a person where a verdict is expected, by verdict.
    #[schemars(example = json!({"reset": CurlShows::example()}))]
    pub shows: Option<BTreeMap<String, CurlShows>>,
}

impl Matrix {
    /// Shown at `expect`, too.
    pub(super) fn example() -> Value {
        json!({
            "title": "The namespace is closed to plaintext",
            "path": "/headers",
            "to": ["httpbin.foo"],
            "from": {"sleep.foo": ["mtls"]},
            "shows": {"mtls": {"exit": 0, "status": 200, "message": ""}},
        })
    }
}

/// What a person sees who runs curl.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, example = Self::example())]
pub struct CurlShows {
    /// curl's exit code.
    #[schemars(example = 56)]
    pub exit: Option<Number<0, 255>>,
    /// What `%{http_code}` prints; 0 for `000`.
    #[schemars(example = 0)]
    pub status: Option<Number<0, 599>>,
    /// What stands on standard error.
    #[schemars(example = &"curl: (56) Recv failure: Connection reset by peer")]
    pub message: Option<String>,
}

impl CurlShows {
    fn example() -> Value {
        json!({"exit": 56, "status": 0, "message": "curl: (56) Recv failure: Connection reset by peer"})
    }
}
