//! A lab as typed data: every reference resolved, every template rendered, every text with its parameters filled in.
//!
//! [`Located`] marks what validation or grading may point at. Whoever holds a [`Lab`] needs no file any more.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use crate::{
    lab::{action::Action, check::Check, outside::Outside, position::Located},
    render::object::Object,
};

/// A lab that was loaded and found sound.
#[derive(Clone, Debug)]
pub struct Lab {
    /// The lab file, as messages name it.
    pub file: PathBuf,
    /// Name, title and what a list shows.
    pub metadata: Metadata,
    /// What can be set, with the values of this run.
    pub parameters: Vec<Parameter>,
    /// Who takes part in probes, by the name that checks use.
    pub workloads: BTreeMap<WorkloadName, Workload>,
    /// What stands before the trainee begins; not graded.
    pub setup: Vec<Located<Action>>,
    /// What the trainee does, in this order.
    pub steps: Vec<Step>,
}

impl Lab {
    /// The points of all steps together.
    pub fn points(&self) -> u32 {
        self.steps.iter().map(|step| step.points).sum()
    }

    /// The participant of this name.
    ///
    /// # Panics
    /// Never for a name that comes from this lab: loading refuses a reference to a workload that isn't there.
    pub fn workload(&self, name: &WorkloadName) -> &Workload {
        &self.workloads[name]
    }

    /// Every object that the setup and the solutions apply, in order.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        let solutions = self.steps.iter().flat_map(|step| &step.solve);
        self.setup.iter().chain(solutions).flat_map(|action| action.objects())
    }

    /// The namespaces that the steps make, in order: without them the steps can be done once more, by hand. None if the
    /// setup has made anything, which might be lost with them.
    pub fn namespaces_of_steps(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if self.setup.is_empty() {
            let made = self.objects().filter(|object| object.kind() == "Namespace").map(Object::name);
            made.for_each(|name| {
                if !names.contains(&name) {
                    names.push(name);
                }
            });
        }
        names
    }

    /// Every request from outside of the cluster, in order.
    pub fn from_outside(&self) -> impl Iterator<Item = &Outside> {
        let actions = self.setup.iter().chain(self.steps.iter().flat_map(|step| &step.solve));
        let acted =
            actions.filter_map(|action| if let Action::Edge(request) = &action.value { Some(request) } else { None });
        let checks = self.steps.iter().flat_map(|step| &step.expect);
        let edges = checks.filter_map(|check| if let Check::Edge(edge) = &check.value { Some(edge) } else { None });
        acted.chain(edges.flat_map(|edge| edge.requests()))
    }
}

/// What a list of labs shows.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Lower case, as a DNS label; the name of the lab's folder.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// A sentence or two: what will be learnt.
    pub summary: String,
    /// How long a trainee needs.
    pub minutes: u32,
    /// Codes of `labctl lint` that are not reported for this lab.
    pub allow: Vec<Located<String>>,
    /// What it asks of the mesh.
    pub mesh: MeshNeeds,
}

/// What a lab asks of the mesh beyond sidecars.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MeshNeeds {
    /// A gateway for traffic from outside.
    pub gateway: bool,
}

/// Something that `--set name=value` changes; written `{{ name }}` in the lab file and its templates.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// A minijinja identifier.
    pub name: Located<String>,
    /// What it is for.
    pub description: String,
    /// The value unless it is set.
    pub default: String,
    /// The regular expression that the whole value matches.
    pub pattern: Option<String>,
    /// The value of this run.
    pub value: String,
}

/// How checks name a participant: `sleep.foo`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WorkloadName(pub String);

impl fmt::Display for WorkloadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Pods that ask or are asked.
#[derive(Clone, Debug)]
pub struct Workload {
    /// How checks name it.
    pub name: Located<WorkloadName>,
    /// Where its pods are.
    pub namespace: String,
    /// The labels that its pods have.
    pub selector: BTreeMap<String, String>,
    /// The application's container.
    pub container: String,
    /// Where others reach it; absent if it only asks.
    pub service: Option<Endpoint>,
}

/// Where a workload is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// The host as a client types it, `httpbin.foo`.
    pub host: String,
    /// The Service port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// One lesson: read, do, see.
#[derive(Clone, Debug)]
pub struct Step {
    /// Unique in the lab, lower case, as a DNS label.
    pub name: Located<String>,
    /// One line for people.
    pub title: String,
    /// What the trainee reads, in Markdown.
    pub text: Located<String>,
    /// What must be done; not empty.
    pub solve: Vec<Located<Action>>,
    /// What must then be seen; not empty. Before `solve` at least one of them must be red.
    pub expect: Vec<Located<Check>>,
    /// Help, each piece dearer than the one before.
    pub hints: Vec<Hint>,
    /// What the step is worth.
    pub points: u32,
}

/// A piece of help that costs points.
#[derive(Clone, Debug)]
pub struct Hint {
    /// How many of the step's points it costs.
    pub cost: Located<u32>,
    /// Markdown.
    pub text: Located<String>,
}
