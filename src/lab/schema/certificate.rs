//! Which certificate a server presents.

use schemars::JsonSchema;
use serde_json::json;

use super::text::{KeyType, Participant, Text};

/// What every ready pod `of` a workload presents: it names the pod's account, leads to the mesh's root, and is valid now.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({
    "title": "The server is sa/httpbin", "from": "sleep.foo", "of": "httpbin.foo",
    "identity": "spiffe://cluster.local/ns/foo/sa/httpbin", "key": "ECDSA P-256", "lifetime": "24h",
}))]
pub struct Certificate {
    /// One line for people.
    #[schemars(example = &"The server is sa/httpbin")]
    pub title: Text,
    /// Who connects, from its sidecar's container if it has one.
    #[schemars(example = &"sleep.foo")]
    pub from: Participant,
    /// Whose pods are asked.
    #[schemars(example = &"httpbin.foo")]
    pub of: Participant,
    /// The SPIFFE ID that it must name; that of the pod's own service account unless said.
    #[schemars(example = &"spiffe://cluster.local/ns/foo/sa/httpbin")]
    pub identity: Option<String>,
    /// Which key it must be for.
    #[schemars(example = &"ECDSA P-256")]
    pub key: Option<KeyType>,
    /// How much time it may have left at most.
    #[schemars(example = &"24h")]
    pub lifetime: Option<String>,
}
