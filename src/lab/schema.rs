//! The form of a lab file as a JSON Schema, with which an editor completes, explains and checks one while it is written.
//!
//! These types are never made: they say once more, for editors, what `read` reads. A test compares the two, key by key.
//! Doc comments become the descriptions that an editor shows, so they speak to whoever writes a lab.

pub mod action;
pub mod assertion;
pub mod certificate;
pub mod check;
pub mod http;
pub mod matrix;
pub mod mesh;
pub mod outside;
pub mod resource;
pub mod steady;
pub mod text;
pub mod wire;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::{Value, json};

use action::Action;
use check::Check;
use text::{Label, Number, Text};

/// The schema of lab files. Draft 7 is what editors know best.
pub fn document() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<Lab>().to_value()
}

/// A lab of labctl: what a trainee reads, what must be done, and what must then be seen.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(example = json!({
    "apiVersion": "labctl/v1",
    "kind": "Lab",
    "metadata": Metadata::example(),
    "parameters": {"project": Parameter::example()},
    "workloads": {"sleep.foo": Workload::client(), "httpbin.foo": Workload::server()},
    "setup": [
        {"apply": {"template": "mtls-strict/namespace.yaml", "with": {"name": "foo", "mesh": true}}},
        {"apply": {"template": "mtls-strict/httpbin.yaml", "with": {"namespace": "foo", "httpbin_image": "{{ labctl.image }}"}}},
    ],
    "steps": [Step::example()],
}))]
pub struct Lab {
    /// The version of the format.
    #[schemars(example = &"labctl/v1", extend("const" = "labctl/v1"))]
    pub api_version: String,
    /// What the file is.
    #[schemars(example = &"Lab", extend("const" = "Lab"))]
    pub kind: String,
    /// What a list of labs shows.
    #[schemars(example = Metadata::example())]
    pub metadata: Metadata,
    /// What `--set NAME=VALUE` changes, by name. `{{ name }}` stands for the value below `workloads`, `setup` and `steps`, and in templates.
    #[schemars(example = json!({"project": Parameter::example()}))]
    #[schemars(extend("propertyNames" = {"pattern": "^[a-z][a-z0-9_]*$"}))]
    pub parameters: Option<BTreeMap<String, Parameter>>,
    /// Who takes part in checks. The names are yours.
    #[schemars(example = json!({"sleep.foo": Workload::client(), "httpbin.foo": Workload::server()}))]
    pub workloads: BTreeMap<String, Workload>,
    /// Actions before the first step. Not graded.
    #[schemars(length(min = 1))]
    #[schemars(example = json!([{"apply": {"template": "mtls-strict/namespace.yaml", "with": {"name": "foo", "mesh": true}}}]))]
    pub setup: Option<Vec<Action>>,
    /// The lessons, in their order.
    #[schemars(length(min = 1), example = json!([Step::example()]))]
    pub steps: Vec<Step>,
}

/// What a list of labs shows.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, example = Self::example())]
pub struct Metadata {
    /// The lab's name: that of its folder.
    #[schemars(example = &"my-lab")]
    pub name: Label,
    /// One line for people.
    #[schemars(example = &"Strict mutual TLS at four levels")]
    pub title: Text,
    /// What will be learnt, in a sentence or two.
    #[schemars(example = &"Close the mesh to plaintext, and see who is locked out.")]
    pub summary: Text,
    /// How many minutes a trainee needs.
    #[schemars(example = 30)]
    pub minutes: Number<1, 600>,
    /// What the lab asks of the mesh beyond sidecars.
    #[schemars(example = json!({"gateway": true}))]
    pub mesh: Option<MeshNeeds>,
    /// Codes of `labctl lint` that do not hold for this lab, because it knows better.
    #[schemars(example = ["LAB026"])]
    pub allow: Option<Vec<String>>,
}

impl Metadata {
    fn example() -> Value {
        json!({
            "name": "my-lab",
            "title": "Strict mutual TLS",
            "summary": "Close a namespace to plaintext, and see who is locked out.",
            "minutes": 30,
            "mesh": MeshNeeds::example(),
        })
    }
}

/// What a lab asks of the mesh beyond sidecars.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, example = Self::example())]
pub struct MeshNeeds {
    /// Whether the mesh comes with `istio-ingressgateway`, for traffic from outside.
    #[schemars(example = true, extend("default" = false))]
    pub gateway: Option<bool>,
}

impl MeshNeeds {
    fn example() -> Value {
        json!({"gateway": true})
    }
}

/// Something that `--set NAME=VALUE` changes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, example = Self::example())]
pub struct Parameter {
    /// What it is for.
    #[schemars(example = &"namespace of the lab")]
    pub description: Text,
    /// The value unless it is set. May use `{{ labctl.version }}` and `{{ labctl.image }}`.
    #[schemars(example = &"team-1", example = &"{{ labctl.image }}")]
    pub default: String,
    /// A regular expression that the whole value matches.
    #[schemars(example = &"[a-z][a-z0-9-]*")]
    pub pattern: Option<String>,
}

impl Parameter {
    fn example() -> Value {
        json!({"description": "namespace of the lab", "default": "team-1", "pattern": "[a-z][a-z0-9-]*"})
    }
}

/// Pods that ask or are asked.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, example = Self::client(), example = Self::server())]
pub struct Workload {
    /// Where its pods are.
    #[schemars(example = &"foo", example = &"{{ project }}")]
    pub namespace: Label,
    /// The labels that its pods have.
    #[schemars(example = json!({"app": "httpbin"}), extend("minProperties" = 1))]
    pub selector: BTreeMap<String, String>,
    /// The application's container. `istio-proxy` asks past the sidecar.
    #[schemars(example = &"httpbin")]
    pub container: Text,
    /// The name under which others reach it. Left out if it only asks.
    #[schemars(example = &"httpbin.foo")]
    pub host: Option<String>,
    /// The port of its Service.
    #[schemars(example = 8000, extend("default" = 80))]
    pub port: Option<Number<1, 65_535>>,
}

impl Workload {
    fn client() -> Value {
        json!({"namespace": "foo", "selector": {"app": "sleep"}, "container": "sleep"})
    }

    fn server() -> Value {
        json!({
            "namespace": "foo", "selector": {"app": "httpbin"}, "container": "httpbin",
            "host": "httpbin.foo", "port": 8000,
        })
    }
}

/// One lesson: read, do, see. Before its `solve` at least one of its checks must be red, after it all are green.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, example = Self::example())]
pub struct Step {
    /// A short name, unique in the lab.
    #[schemars(example = &"close")]
    pub name: Label,
    /// One line for people.
    #[schemars(example = &"Close the namespace to plaintext")]
    pub title: Text,
    /// What the trainee reads, in Markdown.
    #[schemars(example = &"Let `foo` accept nothing but mutual TLS.")]
    pub text: Text,
    /// What must be done: the answer key, and what `labctl run` does.
    #[schemars(length(min = 1))]
    #[schemars(example = json!([{"apply": {"template": "close.yaml", "with": {"mode": "STRICT"}}}]))]
    pub solve: Vec<Action>,
    /// What must then be seen.
    #[schemars(length(min = 1))]
    #[schemars(example = json!([{"resource": {"title": "There is a policy", "kind": "PeerAuthentication", "namespace": "foo"}}]))]
    pub expect: Vec<Check>,
    /// Help. Together they cost at most the step's points.
    #[schemars(example = json!([Hint::example()]))]
    pub hints: Option<Vec<Hint>>,
    /// What the step is worth.
    #[schemars(example = 10, extend("default" = 10))]
    pub points: Option<Number<1, 1000>>,
}

impl Step {
    fn example() -> Value {
        let policy = json!({"name": "default", "namespace": "foo", "mode": "STRICT"});
        json!({
            "name": "close",
            "title": "Close the namespace to plaintext",
            "text": "Let `foo` accept nothing but mutual TLS.",
            "solve": [{"apply": {"template": "mtls-strict/peer-authentication.yaml", "with": policy}}],
            "expect": [{"matrix": matrix::Matrix::example()}],
            "hints": [Hint::example()],
            "points": 10,
        })
    }
}

/// A piece of help that costs points.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, example = Self::example())]
pub struct Hint {
    /// How many of the step's points it costs.
    #[schemars(example = 2)]
    pub cost: Number<0, 1000>,
    /// What helps, in Markdown.
    #[schemars(example = &"Look at the namespace.")]
    pub text: Text,
}

impl Hint {
    fn example() -> Value {
        json!({"cost": 2, "text": "Look at the namespace."})
    }
}

/// Says that exactly one of these keys has a value. To a lab, `null` is none.
fn exactly_one(schema: &mut Schema, keys: &[&str]) {
    schema.insert("oneOf".to_owned(), present(keys));
}

/// Says that at least one of these keys has a value.
fn at_least_one(schema: &mut Schema, keys: &[&str]) {
    schema.insert("anyOf".to_owned(), present(keys));
}

/// Says that at most one of these two keys has a value.
fn never_together(schema: &mut Schema, keys: &[&str; 2]) {
    schema.insert("not".to_owned(), json!({"allOf": present(keys)}));
}

fn present(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({"required": [key], "properties": {*key: {"not": {"type": "null"}}}})).collect()
}
