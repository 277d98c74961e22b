//! The tree of a lab file to the typed lab: every key known, every reference resolved, every template rendered.

mod action;
mod assertion;
mod auth;
mod certificate;
mod check;
mod edge;
mod graph;
mod outside;
mod steady;
mod wire;
mod workload;

use std::{cell::Cell, collections::BTreeMap};

use serde_json::Map;

use crate::{
    lab::{
        fields::{Fields, collect},
        model::{Hint, MeshNeeds, Metadata, Step, Workload, WorkloadName},
        position::{Located, Span},
        problem::{Collector, ProblemKind},
        yaml::{Node, Value},
    },
    probe::verdict::{Expected, UnknownVerdict, VERDICTS},
    render::{Templates, object::is_label},
};

pub(super) use workload::workloads;

/// What the readers of steps, actions and checks share.
pub(super) struct Reader<'a> {
    /// Where problems are noted.
    pub problems: &'a Collector,
    /// The lab's participants.
    pub workloads: &'a BTreeMap<WorkloadName, Workload>,
    /// The names of all participants, also of those that could not be read.
    pub participants: Vec<String>,
    /// Whether the mesh of the lab comes with a gateway.
    pub has_gateway: bool,
    /// The lab's templates.
    pub templates: &'a Templates,
    /// How many bytes its templates may still render to; `None` once one has taken too much.
    pub room: Cell<Option<usize>>,
    /// What templates can use.
    pub scope: &'a Map<String, serde_json::Value>,
}

/// Reads `metadata`.
pub(super) fn metadata(problems: &Collector, node: &Node, key: Span) -> Option<Metadata> {
    let mut fields = Fields::open(problems, "`metadata`", node)?.under(key);
    let name = fields.text("name", "the name of the lab's folder");
    let title = fields.line("title", "one line for people");
    let summary = fields.text("summary", "what will be learnt, in a sentence or two");
    let minutes = fields.required("minutes", "how long a trainee needs");
    let minutes = minutes.and_then(|node| super::fields::number(problems, "minutes", node, 1..=600));
    let allow = fields.texts("allow");
    let mesh = fields.optional("mesh").map_or(Some(MeshNeeds::default()), |node| mesh_needs(problems, node));
    fields.finish();
    let name = name.filter(|name| check_label(problems, "a lab's name", name));
    let (name, title, summary) = (name?.value, title?.value, summary?.value);
    Some(Metadata { name, title, summary, minutes: minutes?.value, allow: allow?, mesh: mesh? })
}

fn mesh_needs(problems: &Collector, node: &Node) -> Option<MeshNeeds> {
    let mut fields = Fields::open(problems, "`mesh`", node)?;
    let gateway = fields.flag("gateway");
    fields.finish();
    Some(MeshNeeds { gateway: gateway? })
}

/// Notes a name that is not a DNS label.
fn check_label(problems: &Collector, what: &str, name: &Located<String>) -> bool {
    let sound = is_label(name);
    if !sound {
        let hint = "lower case letters, digits and `-`, at most 63".to_owned();
        problems.invalid(name.at, format!("`{}` is not possible as {what}", name.value), Some(hint));
    }
    sound
}

impl Reader<'_> {
    /// Reads `steps`.
    pub fn steps(&self, node: &Node) -> Option<Vec<Step>> {
        let items = super::fields::list(self.problems, "steps", node)?;
        if items.is_empty() {
            self.problems.add(node.at, ProblemKind::Empty("a lab has at least one step"));
        }
        let steps: Vec<Option<Step>> = items.iter().map(|item| self.step(item)).collect();
        self.unique(items, "step");
        let names: Vec<String> = items.iter().map(|item| named(item).map_or("", |(_, name)| name).to_owned()).collect();
        for (index, step) in steps.iter().enumerate() {
            step.iter().for_each(|step| self.check_loops(index, step, &names));
        }
        collect(steps.into_iter())
    }

    /// Notes the second of two items with the same `name`, whether or not the rest of them could be read.
    fn unique(&self, items: &[Node], what: &'static str) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for item in items {
            let Some((at, name)) = named(item) else { continue };
            match seen.get(name) {
                Some(&first) => {
                    self.problems.add(at, ProblemKind::Duplicate { what, name: name.to_owned(), first });
                }
                None => {
                    seen.insert(name, at);
                }
            }
        }
    }

    fn step(&self, node: &Node) -> Option<Step> {
        let mut fields = Fields::open(self.problems, "a step", node)?;
        let name = fields.text("name", "a short name, unique in the lab");
        let title = fields.line("title", "one line for people");
        let text = fields.text("text", "| and what the trainee reads, in Markdown");
        let solve = fields.required("solve", "a list of actions").map(|node| self.actions("solve", node));
        let expect = fields.required("expect", "a list of checks").map(|node| self.checks(node));
        let points = fields.number("points", 1..=1000, 10);
        let hints = fields.list("hints");
        let place = name.as_ref().map_or(fields.at(), |name| name.at);
        fields.finish();
        let hints: Option<Vec<Hint>> = hints.and_then(|items| collect(items.iter().map(|item| self.hint(item))));
        let name = name.filter(|name| check_label(self.problems, "a step's name", name));
        let points = points.map(|points| points.value);
        if let (Some(points), Some(hints)) = (points, &hints) {
            self.check_costs(place, points, hints);
        }
        let (name, title, text) = (name?, title?.value, text?);
        Some(Step { name, title, text, solve: solve??, expect: expect??, hints: hints?, points: points? })
    }

    fn hint(&self, node: &Node) -> Option<Hint> {
        let mut fields = Fields::open(self.problems, "a hint", node)?;
        let cost = fields.required("cost", "how many points it costs");
        let cost = cost.and_then(|node| super::fields::number(self.problems, "cost", node, 0..=1000));
        let text = fields.text("text", "what helps, in Markdown");
        fields.finish();
        Some(Hint { cost: cost?, text: text? })
    }

    /// Whoever reads every hint and then solves the step does not lose points over it.
    fn check_costs(&self, step: Span, points: u32, hints: &[Hint]) {
        let costs: u32 = hints.iter().map(|hint| hint.cost.value).sum();
        if costs > points {
            let at = hints.last().map_or(step, |hint| hint.cost.at);
            self.problems.add(at, ProblemKind::Costs { costs, points });
        }
    }

    /// A reference to a participant.
    fn workload(&self, key: &str, node: &Node) -> Option<Located<WorkloadName>> {
        let name = super::fields::text(self.problems, key, node)?;
        self.workload_named(name)
    }

    fn workload_named(&self, name: Located<String>) -> Option<Located<WorkloadName>> {
        self.participant(name, &[])
    }

    /// The same, where `others` could stand as well.
    fn participant(&self, name: Located<String>, others: &[String]) -> Option<Located<WorkloadName>> {
        if !self.participants.contains(&name.value) {
            let known = self.participants.iter().chain(others).cloned().collect();
            self.problems.add(name.at, ProblemKind::Unknown { what: "the workload", name: name.value, known });
            return None;
        }
        let name = name.map(WorkloadName);
        // One that is declared but could not be read has been complained about where it is declared.
        self.workloads.contains_key(&name.value).then_some(name)
    }

    /// A verdict that a lab expects.
    fn expected(&self, text: &Located<String>) -> Option<Located<Expected>> {
        match text.parse() {
            Ok(value) => Some(Located { value, at: text.at }),
            Err(error) => {
                self.problems.invalid(text.at, unknown_verdict(text, &error), Some(verdict_hint(text, &error)));
                None
            }
        }
    }

    /// The one key of a mapping that says what kind of thing it is.
    fn tagged<'n>(
        &self,
        what: &'static str,
        node: &'n Node,
        known: &[&'static str],
    ) -> Option<&'n (Located<String>, Node)> {
        let entries = super::fields::mapping(self.problems, what, node)?;
        let [entry] = entries else {
            let hint = format!("one of: {}", known.join(", "));
            let at = entries.get(1).map_or(node.at, |(key, _)| key.at);
            self.problems.invalid(at, format!("{what} is a mapping with one key"), Some(hint));
            return None;
        };
        if !known.contains(&entry.0.as_str()) {
            let kind = ProblemKind::UnknownKey { what, key: entry.0.value.clone(), known: known.to_vec() };
            self.problems.add(entry.0.at, kind);
            return None;
        }
        Some(entry)
    }
}

/// The `name` of an item, whether or not the rest of it could be read.
fn named(item: &Node) -> Option<(Span, &str)> {
    let Value::Mapping(entries) = &item.value else { return None };
    let (_, node) = entries.iter().find(|(key, _)| key.value == "name")?;
    if let Value::Text(name) = &node.value { Some((node.at, name)) } else { None }
}

fn unknown_verdict(text: &str, error: &UnknownVerdict) -> String {
    match error {
        UnknownVerdict::Word(_) => format!("`{text}` is not a verdict"),
        UnknownVerdict::Shape(_) => format!("`{text}` is not how this verdict is written"),
        other => other.to_string(),
    }
}

fn verdict_hint(text: &str, error: &UnknownVerdict) -> String {
    let written: Vec<&str> = VERDICTS.iter().map(|&(verdict, _)| verdict).collect();
    let words = || written.iter().map(|verdict| verdict.split('(').next().unwrap_or(verdict)).collect::<Vec<_>>();
    match error {
        UnknownVerdict::Alert(unknown) => {
            let names: Vec<&str> = crate::probe::alert::ALERTS.iter().map(|&(_, name)| name).collect();
            super::problem::suggestion(&unknown.0, &names)
                .unwrap_or_else(|| "as in `tls-alert(certificate required)`".to_owned())
        }
        UnknownVerdict::Code(_) => "as in `http(503)`".to_owned(),
        UnknownVerdict::Identity(_) => {
            "as in `mtls(spiffe://cluster.local/ns/foo/sa/sleep)`, or just `mtls` for whoever asks".to_owned()
        }
        UnknownVerdict::Shape(shape) => format!("write it as `{shape}`"),
        UnknownVerdict::Word(_) => super::problem::suggestion(text.split('(').next().unwrap_or(text), &words())
            .unwrap_or_else(|| format!("there are: mtls, {}", written.join(", "))),
    }
}
