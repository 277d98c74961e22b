//! Reads mappings strictly: what is missing, unknown or of another shape is noted, and reading goes on.
//!
//! Every reader answers `None` once it has noted why, so that one run reports all problems of a file.

use std::collections::BTreeMap;

use crate::lab::{
    nearest::nearest,
    position::{Located, Span},
    problem::{Collector, ProblemKind},
    yaml::{Node, Value},
};

/// A mapping that is being read key by key.
pub(super) struct Fields<'a> {
    problems: &'a Collector,
    what: &'static str,
    at: Span,
    entries: &'a [(Located<String>, Node)],
    known: Vec<&'static str>,
    missing: Vec<(Span, ProblemKind, &'static str)>,
}

impl<'a> Fields<'a> {
    /// Opens a mapping; `what` is what messages call it, `a step` for instance.
    pub fn open(problems: &'a Collector, what: &'static str, node: &'a Node) -> Option<Self> {
        match &node.value {
            Value::Mapping(entries) => {
                Some(Self { problems, what, at: node.at, entries, known: Vec::new(), missing: Vec::new() })
            }
            other => {
                wrong_type(problems, node.at, what.to_owned(), "a mapping", other);
                None
            }
        }
    }

    /// Points at the mapping's key instead of its first line, where errors about what is missing belong.
    pub fn under(mut self, key: Span) -> Self {
        self.at = key;
        self
    }

    /// What messages call it.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// Where messages about the mapping as a whole point.
    pub fn at(&self) -> Span {
        self.at
    }

    /// The value of a key, if it is there; `null` counts as not there.
    pub fn optional(&mut self, key: &'static str) -> Option<&'a Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// The key and the value.
    pub fn entry(&mut self, key: &'static str) -> Option<(Span, &'a Node)> {
        self.known.push(key);
        let (found, node) = self.entries.iter().find(|(name, _)| name.value == key)?;
        (node.value != Value::Null).then_some((found.at, node))
    }

    /// The value of a key that must be there; `example` is shown if it is not.
    pub fn required(&mut self, key: &'static str, example: &'static str) -> Option<&'a Node> {
        let found = self.optional(key);
        if found.is_none() {
            let at = self.entries.iter().find(|(name, _)| name.value == key).map_or(self.at, |(name, _)| name.at);
            self.missing.push((at, ProblemKind::MissingKey { what: self.what, key, example }, key));
        }
        found
    }

    /// A text that must be there and not be blank.
    pub fn text(&mut self, key: &'static str, example: &'static str) -> Option<Located<String>> {
        let node = self.required(key, example)?;
        let text = text(self.problems, key, node)?;
        if text.trim().is_empty() {
            self.problems.invalid(node.at, format!("`{key}` is empty"), Some(format!("write {example}")));
            return None;
        }
        Some(text)
    }

    /// A text that must be there, in one line.
    pub fn line(&mut self, key: &'static str, example: &'static str) -> Option<Located<String>> {
        let text = self.text(key, example)?.map(|text| text.trim_end().to_owned());
        let lines = text.lines().count();
        if lines > 1 {
            self.problems.invalid(
                text.at,
                format!("`{key}` is one line, this has {lines}"),
                Some(format!("write {example}")),
            );
        }
        (lines == 1).then_some(text)
    }

    /// A text, if it is there. The outer `None` says that it is there and wrong.
    pub fn optional_text(&mut self, key: &'static str) -> Option<Option<Located<String>>> {
        match self.optional(key) {
            Some(node) => text(self.problems, key, node).map(Some),
            None => Some(None),
        }
    }

    /// A whole number in `range`, or what stands in for it.
    pub fn number(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u32>,
        default: u32,
    ) -> Option<Located<u32>> {
        match self.optional(key) {
            Some(node) => number(self.problems, key, node, range),
            None => Some(Located { value: default, at: self.at }),
        }
    }

    /// `true` or `false`; `false` if it is not there.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.optional(key).map(|node| (node.at, &node.value)) {
            None => Some(false),
            Some((_, Value::Bool(value))) => Some(*value),
            Some((at, other)) => {
                wrong_type(self.problems, at, quoted(key), "true or false", other);
                None
            }
        }
    }

    /// Names with texts; empty if it is not there.
    pub fn texts_by_name(&mut self, key: &'static str) -> Option<BTreeMap<String, String>> {
        let Some(node) = self.optional(key) else { return Some(BTreeMap::new()) };
        let entries = mapping(self.problems, key, node)?;
        let read =
            entries.iter().map(|(name, node)| Some((name.value.clone(), text(self.problems, name, node)?.value)));
        collect(read)
    }

    /// The items of a list; none if it is not there.
    pub fn list(&mut self, key: &'static str) -> Option<&'a [Node]> {
        self.optional(key).map_or(Some(&[]), |node| list(self.problems, key, node))
    }

    /// Texts; none if it is not there.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<Located<String>>> {
        let items = self.list(key)?;
        collect(items.iter().map(|item| text(self.problems, key, item)))
    }

    /// Notes the keys that nobody asked for, and those that were asked for in vain. A slip of the pen is one
    /// problem, not two: the key that it was meant for is not missing.
    pub fn finish(mut self) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.known.contains(&key.as_str())) {
            let known = self.known.clone();
            let meant = nearest(key, &known);
            self.missing.retain(|&(.., missing)| Some(missing) != meant);
            self.problems.add(key.at, ProblemKind::UnknownKey { what: self.what, key: key.value.clone(), known });
        }
        for (at, kind, _) in self.missing {
            self.problems.add(at, kind);
        }
    }
}

/// Collects all if none failed; reads all of them either way.
pub(super) fn collect<T, C: FromIterator<T>>(items: impl Iterator<Item = Option<T>>) -> Option<C> {
    let all: Vec<Option<T>> = items.collect();
    all.into_iter().collect()
}

/// A text.
pub(super) fn text(problems: &Collector, key: &str, node: &Node) -> Option<Located<String>> {
    match &node.value {
        Value::Text(text) => Some(Located { value: text.clone(), at: node.at }),
        other => {
            wrong_type(problems, node.at, quoted(key), "a text", other);
            None
        }
    }
}

/// A whole number, which may come from a parameter and then is a text.
pub(super) fn number(
    problems: &Collector,
    key: &str,
    node: &Node,
    range: std::ops::RangeInclusive<u32>,
) -> Option<Located<u32>> {
    let value = match &node.value {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        Value::Text(text) => text.parse().ok(),
        other => {
            wrong_type(problems, node.at, quoted(key), "a number", other);
            return None;
        }
    };
    match value.filter(|value| range.contains(value)) {
        Some(value) => Some(Located { value, at: node.at }),
        None => {
            let (low, high) = (range.start(), range.end());
            problems.invalid(node.at, format!("{} is a whole number from {low} to {high}", quoted(key)), None);
            None
        }
    }
}

/// The entries of a mapping.
pub(super) fn mapping<'a>(problems: &Collector, key: &str, node: &'a Node) -> Option<&'a [(Located<String>, Node)]> {
    match &node.value {
        Value::Mapping(entries) => Some(entries),
        other => {
            wrong_type(problems, node.at, quoted(key), "a mapping", other);
            None
        }
    }
}

/// The items of a list.
pub(super) fn list<'a>(problems: &Collector, key: &str, node: &'a Node) -> Option<&'a [Node]> {
    match &node.value {
        Value::List(items) => Some(items),
        other => {
            wrong_type(problems, node.at, quoted(key), "a list", other);
            None
        }
    }
}

fn wrong_type(problems: &Collector, at: Span, what: String, expected: &'static str, found: &Value) {
    problems.add(at, ProblemKind::WrongType { what, expected, found: found.shape() });
}

fn quoted(key: &str) -> String {
    format!("`{key}`")
}
