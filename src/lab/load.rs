//! Reads a lab file: YAML, parameters, texts, then the typed lab. All problems are reported, not just the first.

use std::{cell::Cell, ops::ControlFlow, path::PathBuf};

use crate::lab::{
    confine::confine,
    fields::{Fields, text},
    fill::fill,
    find::Found,
    model::Lab,
    parameters::{self, SettingError},
    plain,
    position::Span,
    problem::{Collector, Problems},
    read::{self, Reader},
    yaml::{self, Node, Value},
};

/// How much all templates of a lab may render to, in bytes.
const MAX_RENDERED: usize = 32 << 20;

/// Why a lab that was found is not run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The lab itself is wrong (exit code 6).
    #[error(transparent)]
    Content(#[from] Problems),
    /// A `--set` does not fit the lab (exit code 2).
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// See [`Found::load`].
pub(super) fn load(found: &Found, settings: &[(String, String)], image: &str) -> Result<Lab, LoadError> {
    let mut tree = yaml::parse(&found.source)?;
    let problems = Collector::new(found.source.clone());
    plain::check(&problems, &tree);
    let mut parameters = parameters::declared(&problems, section(&tree, "parameters"), image);
    if !problems.is_empty() {
        // Without its parameters every text that uses one would be wrong as well.
        return Err(LoadError::Content(problems.into_problems().expect("there is one")));
    }
    parameters::set(&mut parameters, settings)?;
    let name = section(&tree, "metadata").and_then(|metadata| section(metadata, "name"));
    let name = name.and_then(|name| if let Value::Text(name) = &name.value { Some(name.clone()) } else { None });
    let scope = parameters::scope(name.as_deref().unwrap_or_default(), &parameters, image);
    if fill_sections(&problems, &mut tree, &scope).is_break() {
        return Err(LoadError::Content(problems.into_problems().expect("whoever stops says why")));
    }
    plain::check(&problems, &tree);

    let lab = typed(&problems, &tree, found, parameters, &scope);
    if let Some(lab) = lab.as_ref().filter(|_| problems.is_empty()) {
        confine(&problems, lab);
    }
    match (problems.into_problems(), lab) {
        (None, Some(lab)) => Ok(lab),
        (problems, _) => Err(LoadError::Content(problems.expect("whoever reads nothing says why"))),
    }
}

/// Everything but what declares the parameters themselves.
fn fill_sections(
    problems: &Collector,
    tree: &mut Node,
    scope: &serde_json::Map<String, serde_json::Value>,
) -> ControlFlow<()> {
    let Value::Mapping(entries) = &mut tree.value else { return ControlFlow::Continue(()) };
    let mut filled = entries.iter_mut().filter(|(key, _)| !["metadata", "parameters"].contains(&key.as_str()));
    filled.try_for_each(|(_, node)| fill(problems, node, scope))
}

fn section<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Mapping(entries) = &node.value else { return None };
    entries.iter().find(|(name, _)| name.value == key).map(|(_, node)| node).filter(|node| node.value != Value::Null)
}

fn typed(
    problems: &Collector,
    tree: &Node,
    found: &Found,
    parameters: Vec<crate::lab::model::Parameter>,
    scope: &serde_json::Map<String, serde_json::Value>,
) -> Option<Lab> {
    let mut fields = Fields::open(problems, "a lab", tree)?;
    must_be(problems, fields.required("apiVersion", "labctl/v1"), "apiVersion", "labctl/v1");
    must_be(problems, fields.required("kind", "Lab"), "kind", "Lab");
    let key = fields.entry("metadata").map_or(Span::default(), |(key, _)| key);
    let metadata = fields.required("metadata", "{name: ..., title: ..., summary: ..., minutes: ...}");
    let metadata = metadata.and_then(|node| read::metadata(problems, node, key));
    fields.optional("parameters");
    let participants = fields.required("workloads", "who takes part, by name");
    let workloads = participants.map(|node| read::workloads(problems, node)).unwrap_or_default();
    let reader = Reader {
        problems,
        workloads: &workloads,
        participants: names(participants),
        // What could not be read has been complained about.
        has_gateway: metadata.as_ref().is_none_or(|metadata| metadata.mesh.gateway),
        templates: &found.templates,
        room: Cell::new(Some(MAX_RENDERED)),
        scope,
    };
    let setup = fields.optional("setup").map_or(Some(Vec::new()), |node| reader.actions("setup", node));
    let steps = fields.required("steps", "a list of steps").and_then(|node| reader.steps(node));
    fields.finish();
    let (metadata, setup, steps) = (metadata?, setup?, steps?);
    let file = PathBuf::from(&found.source.name);
    Some(Lab { file, metadata, parameters, workloads, setup, steps })
}

fn must_be(problems: &Collector, node: Option<&Node>, key: &str, expected: &str) {
    let Some(found) = node.and_then(|node| text(problems, key, node)) else { return };
    if found.value != expected {
        let hint = Some(format!("write `{key}: {expected}`"));
        problems.invalid(found.at, format!("this labctl does not read `{key}: {}`", found.value), hint);
    }
}

fn names(participants: Option<&Node>) -> Vec<String> {
    match participants.map(|node| &node.value) {
        Some(Value::Mapping(entries)) => entries.iter().map(|(name, _)| name.value.clone()).collect(),
        _ => Vec::new(),
    }
}
