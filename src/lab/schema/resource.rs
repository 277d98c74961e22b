//! Objects of Kubernetes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::json;

use super::{
    assertion::FieldAssertion,
    text::{Kind, Label, Number, Text},
};

/// Objects of Kubernetes. Without `count`, `absent`, `ready` and `fields`: there is at least one.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(example = json!({
    "title": "Both pods have a sidecar", "kind": "Pod", "namespace": "foo", "selector": {"app": "httpbin"},
    "count": 2, "ready": "2/2",
}))]
#[schemars(example = json!({
    "title": "The policy is STRICT", "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
    "name": "default", "namespace": "foo", "fields": [{"json": "/spec/mtls/mode", "equals": "STRICT"}],
}))]
#[schemars(example = json!({
    "title": "The old policy is gone", "kind": "PeerAuthentication", "name": "old", "namespace": "foo", "absent": true,
}))]
pub struct Resource {
    /// One line for people.
    #[schemars(example = &"Both pods have a sidecar")]
    pub title: Text,
    /// Only needed for kinds that labctl does not know.
    #[schemars(example = &"security.istio.io/v1")]
    pub api_version: Option<String>,
    /// The kind of the objects.
    #[schemars(example = &"Pod")]
    pub kind: Kind,
    /// Where they are, if their kind has namespaces.
    #[schemars(example = &"foo")]
    pub namespace: Option<Label>,
    /// The one object of this name.
    #[schemars(example = &"default")]
    pub name: Option<String>,
    /// The objects with these labels.
    #[schemars(example = json!({"app": "httpbin"}))]
    pub selector: Option<BTreeMap<String, String>>,
    /// `true`: there is none.
    #[schemars(example = true, extend("default" = false))]
    pub absent: Option<bool>,
    /// How many there are.
    #[schemars(example = 2)]
    pub count: Option<Number<0, 10_000>>,
    /// The READY column of every pod: ready containers and all containers.
    #[schemars(example = &"2/2", extend("pattern" = r"^[0-9]+/[0-9]+$|\{\{"))]
    pub ready: Option<String>,
    /// What holds for every object.
    #[schemars(length(min = 1), example = json!([{"json": "/spec/mtls/mode", "equals": "STRICT"}]))]
    pub fields: Option<Vec<FieldAssertion>>,
}
