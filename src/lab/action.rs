//! What a lab does to a cluster: declared, so that the guide can show it and the runner can do it.

use std::collections::BTreeMap;

use crate::{
    lab::{model::WorkloadName, outside::Outside, position::Located},
    render::object::Object,
};

/// How many pods one object may ask for.
pub const MAX_REPLICAS: u32 = 100;

/// One thing to do. Each is written as a mapping with one key, the action's name.
#[derive(Clone, Debug)]
pub enum Action {
    /// `annotate`: sets annotations of an object, or removes them.
    Annotate(Mark),
    /// `apply`: creates or changes objects from a template.
    Apply(Apply),
    /// `certificate`: makes a key and a certificate, and puts them into a Secret.
    Certificate(Certificate),
    /// `delete`: deletes an object and waits until it is gone. One that is not there is an error.
    Delete(Reference),
    /// `edge`: asks from outside of the cluster, and must be answered.
    Edge(Outside),
    /// `exec`: runs a command in a workload's container.
    Exec(Exec),
    /// `label`: sets labels of an object, or removes them.
    Label(Mark),
    /// `refused`: tries to apply objects that the cluster must refuse, for a reason.
    Refused(Refused),
    /// `restart`: replaces the pods of a Deployment, as `kubectl rollout restart` does.
    Restart(Reference),
    /// `scale`: sets the replicas of a Deployment.
    Scale(Scale),
}

impl Action {
    /// The objects that it applies; none for the other actions, nor what must be refused.
    pub fn objects(&self) -> &[Object] {
        match self {
            Self::Apply(apply) => &apply.objects,
            _ => &[],
        }
    }

    /// The key under which a lab file has it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Annotate(_) => "annotate",
            Self::Apply(_) => "apply",
            Self::Certificate(_) => "certificate",
            Self::Delete(_) => "delete",
            Self::Edge(_) => "edge",
            Self::Exec(_) => "exec",
            Self::Label(_) => "label",
            Self::Refused(_) => "refused",
            Self::Restart(_) => "restart",
            Self::Scale(_) => "scale",
        }
    }
}

/// Objects from a template, rendered when the lab was loaded.
#[derive(Clone, Debug)]
pub struct Apply {
    /// The template's path, under the lab's own `templates/` or the bundled one.
    pub template: Located<String>,
    /// What it was given besides the lab's parameters.
    pub with: serde_json::Map<String, serde_json::Value>,
    /// What it rendered to, in its order.
    pub objects: Vec<Object>,
}

/// Objects that must not be accepted.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What is tried.
    pub apply: Apply,
    /// A part of what the cluster says to it.
    pub because: String,
}

/// A certificate, signed by an authority that each run makes for itself.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Which of the run's authorities; the lab's unless another is named.
    pub authority: Option<String>,
    /// The Secret for `tls.crt`, `tls.key` and the authority's `ca.crt`.
    pub secret: String,
    /// Where it is.
    pub namespace: String,
    /// The names of whoever has the key.
    pub hosts: Vec<String>,
}

/// Which object.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Reference {
    /// `security.istio.io/v1`; filled in for the kinds that labctl knows.
    pub api_version: String,
    /// `PeerAuthentication`.
    pub kind: String,
    /// The namespace; none for a cluster-wide kind.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
}

/// Labels or annotations to set; `None` removes.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Which object.
    pub target: Reference,
    /// By key.
    pub values: BTreeMap<String, Option<String>>,
}

/// How many pods.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Which Deployment.
    pub target: Reference,
    /// How many.
    pub replicas: u32,
}

/// A command in a pod.
#[derive(Clone, Debug)]
pub struct Exec {
    /// In whose pod.
    pub workload: Located<WorkloadName>,
    /// In which container; the workload's own by default.
    pub container: String,
    /// The program and its arguments; no shell.
    pub command: Vec<String>,
    /// The exit code that it must end with.
    pub exit: u8,
}
