//! What a lab does to a cluster.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{
    outside::Outside,
    text::{Kind, Label, Number, Participant, Text},
};

/// One thing to do. Actions are done one after the other; what makes pods is waited for until they are ready.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Action {
    /// Sets annotations of an object, or removes them.
    Annotate(Annotate),
    /// Creates or changes the objects of a template.
    Apply(Apply),
    /// Makes a key and a certificate for these names, in a Secret with `tls.crt`, `tls.key` and `ca.crt`.
    Certificate(Issue),
    /// Deletes an object and waits until it is gone. One that isn't there is an error.
    Delete(Reference),
    /// Makes one request from outside of the cluster, which must be answered.
    Edge(Outside),
    /// Runs a program in a pod, without a shell, until it ends with `exit`, for 5 s at most.
    Exec(Exec),
    /// Sets labels of an object, or removes them.
    Label(Relabel),
    /// Tries to apply the objects of a template; the cluster must refuse them.
    Refused(Refused),
    /// Replaces the pods of a Deployment, as `kubectl rollout restart` does.
    Restart(Reference),
    /// Sets how many pods a Deployment has.
    Scale(Scale),
}

/// A template, and what it is given.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({"template": "mtls-strict/namespace.yaml", "with": {"name": "foo", "mesh": true}}))]
pub struct Apply {
    /// The template's path, below the lab's own `templates/` or the bundled one.
    #[schemars(example = &"close.yaml", example = &"mtls-strict/peer-authentication.yaml")]
    pub template: Text,
    /// What it is given besides the lab's parameters. It must read all of it.
    #[schemars(example = json!({"mode": "STRICT"}))]
    pub with: Option<BTreeMap<String, Value>>,
}

/// A template whose objects the cluster must refuse.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({
    "template": "mtls-strict/peer-authentication.yaml",
    "with": {"name": "default", "namespace": "foo", "mode": "SOMETIMES"},
    "because": "spec.mtls.mode",
}))]
pub struct Refused {
    /// The template's path, below the lab's own `templates/` or the bundled one.
    #[schemars(example = &"close.yaml")]
    pub template: Text,
    /// What it is given besides the lab's parameters.
    #[schemars(example = json!({"mode": "SOMETIMES"}))]
    pub with: Option<BTreeMap<String, Value>>,
    /// A part of what the cluster says to it.
    #[schemars(example = &"spec.mtls.mode")]
    pub because: Text,
}

/// A certificate, signed by an authority that each run makes for itself.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({"secret": "shop-cert", "namespace": "istio-system", "hosts": ["shop.example"]}))]
pub struct Issue {
    /// Which of the run's authorities signs it; the lab's unless another is named.
    #[schemars(example = &"strangers")]
    pub authority: Option<Label>,
    /// The Secret to put it into.
    #[schemars(example = &"shop-cert")]
    pub secret: Label,
    /// Where the Secret is.
    #[schemars(example = &"istio-system")]
    pub namespace: Label,
    /// The names in the certificate.
    #[schemars(length(min = 1), example = ["shop.example"])]
    pub hosts: Vec<String>,
}

/// Which object.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(example = json!({"kind": "Deployment", "name": "httpbin", "namespace": "foo"}))]
pub struct Reference {
    /// Only needed for kinds that labctl does not know.
    #[schemars(example = &"apps/v1")]
    pub api_version: Option<String>,
    /// The object's kind.
    #[schemars(example = &"PeerAuthentication")]
    pub kind: Kind,
    /// The object's name.
    #[schemars(example = &"default")]
    pub name: Text,
    /// Its namespace, if its kind has one.
    #[schemars(example = &"foo")]
    pub namespace: Option<Label>,
}

/// Labels of an object.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({"kind": "Namespace", "name": "foo", "labels": {"istio-injection": "enabled", "team": null}}))]
pub struct Relabel {
    /// Which object.
    #[schemars(flatten)]
    pub target: Reference,
    /// The labels; `null` removes one.
    #[schemars(example = json!({"istio-injection": "enabled"}))]
    pub labels: BTreeMap<String, Option<String>>,
}

/// Annotations of an object.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({"kind": "Service", "name": "httpbin", "namespace": "foo", "annotations": {"team": "blue"}}))]
pub struct Annotate {
    /// Which object.
    #[schemars(flatten)]
    pub target: Reference,
    /// The annotations; `null` removes one.
    #[schemars(example = json!({"team": "blue"}))]
    pub annotations: BTreeMap<String, Option<String>>,
}

/// How many pods a Deployment has.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({"kind": "Deployment", "name": "httpbin", "namespace": "foo", "replicas": 2}))]
pub struct Scale {
    /// Which object.
    #[schemars(flatten)]
    pub target: Reference,
    /// How many pods.
    #[schemars(example = 2)]
    pub replicas: Number<0, 100>,
}

/// A program in a pod.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(example = json!({"workload": "sleep.foo", "command": ["curl", "-s", "http://httpbin.foo:8000/headers"]}))]
pub struct Exec {
    /// In whose pod.
    #[schemars(example = &"sleep.foo")]
    pub workload: Participant,
    /// In which container; the workload's own unless said.
    #[schemars(example = &"istio-proxy")]
    pub container: Option<String>,
    /// The program and its arguments.
    #[schemars(length(min = 1), example = ["curl", "-s", "http://httpbin.foo:8000/headers"])]
    pub command: Vec<String>,
    /// The exit code that it must end with.
    #[schemars(example = 56, extend("default" = 0))]
    pub exit: Option<Number<0, 255>>,
}
