//! YAML text to a tree that knows where everything stands. The only module that knows the YAML parser of lab files.
//!
//! A lab file may come from a stranger: the limits below hold before anything is built from it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{Error, Location, Spanned, budget::BudgetBreach};

use crate::lab::{
    position::{Located, Span},
    problem::{Problem, ProblemKind, Problems, Source},
};

/// The largest lab file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// How deep mappings and lists may be nested.
const MAX_DEPTH: usize = 32;
/// How many values a lab file may have.
const MAX_NODES: usize = 50_000;
/// How much text a lab file may have once its aliases (`*name`) are written out, in bytes.
const MAX_EXPANDED: usize = 4 << 20;
/// How many values aliases may repeat.
const MAX_REPEATED: usize = 10_000;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Where.
    pub at: Span,
    /// What.
    pub value: Value,
}

/// What YAML has.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// `- a`
    List(Vec<Node>),
    /// `key: value`, in the order of the file.
    Mapping(Vec<(Located<String>, Node)>),
    /// Nothing, `~` or `null`.
    Null,
    /// `1`, `1.5`
    Number(serde_json::Number),
    /// `text`, `'text'`, `"text"`, or a block.
    Text(String),
}

impl Value {
    /// What it is, in a reader's words.
    pub fn shape(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Mapping(_) => "a mapping",
            Self::Null => "nothing",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
        }
    }
}

impl Node {
    /// The same without positions.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Bool(value) => (*value).into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => {
                entries.iter().map(|(key, value)| (key.value.clone(), value.to_json())).collect()
            }
            Value::Null => serde_json::Value::Null,
            Value::Number(number) => number.clone().into(),
            Value::Text(text) => text.as_str().into(),
        }
    }
}

/// Reads one YAML document.
///
/// # Errors
/// The first place where the text is no YAML, has a key twice, or goes over a limit.
pub(super) fn parse(source: &Source) -> Result<Node, Problems> {
    let options = serde_saphyr::options! {
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPEATED, max_replay_stack_depth: 8 },
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            flow_nesting_limit: MAX_DEPTH,
            max_total_scalar_bytes: MAX_EXPANDED,
        },
        emit_comments: false,
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Value>>(&source.text, options) {
        Ok(root) if root.value == Value::Null => {
            let kind = explain(&Error::Eof { location: root.referenced });
            Err(Problem::new(source, Span { line: 1, column: 1, offset: 0, length: 0 }, kind).into())
        }
        Ok(root) => Ok(node(root)),
        Err(error) => {
            let error = error.without_snippet();
            let at = error.location().map_or(Span { line: 1, column: 1, offset: 0, length: 0 }, span);
            Err(Problem::new(source, with_offset(&source.text, at), explain(error)).into())
        }
    }
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { at: span(spanned.referenced), value: spanned.value }
}

/// The parser knows only line and column of what it does not understand.
fn with_offset(text: &str, at: Span) -> Span {
    if at.offset > 0 || at.line == 0 {
        return at;
    }
    let line_start: usize = text.split_inclusive('\n').take(at.line - 1).map(str::len).sum();
    let line = text[line_start..].lines().next().unwrap_or_default();
    let before: usize = line.chars().take(at.column.saturating_sub(1)).map(char::len_utf8).sum();
    Span { offset: line_start + before, ..at }
}

/// Collections have no length of their own here: the caret stands under their first character.
fn span(at: Location) -> Span {
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let bytes = at.span();
    Span {
        line: number(at.line()),
        column: number(at.column()),
        offset: bytes.byte_offset().map_or(0, number),
        length: bytes.byte_len().map_or(0, number).max(1),
    }
}

/// The parser's error in a trainer's words.
fn explain(error: &Error) -> ProblemKind {
    let (message, hint) = match error {
        Error::AliasError { error, .. } => return explain(error),
        Error::DuplicateMappingKey { key, .. } => {
            return ProblemKind::DuplicateKey(key.clone().unwrap_or_else(|| "?".to_owned()));
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => {
            let message = format!("aliases repeat more than {MAX_REPEATED} values");
            (message, Some("write the values out, or move them into a template".to_owned()))
        }
        Error::Budget { breach, .. } => explain_limit(breach),
        Error::Eof { .. } => {
            ("the file is empty".to_owned(), Some("a lab begins with `apiVersion: labctl/v1`".to_owned()))
        }
        Error::MergeKeyNotAllowed { .. } => (
            "merge keys (`<<`) are not read".to_owned(),
            Some("write the keys out, or use an alias (`*name`)".to_owned()),
        ),
        Error::MultipleDocuments { .. } => {
            ("a lab file is one YAML document".to_owned(), Some("remove what follows `---`".to_owned()))
        }
        Error::UnknownAnchor { .. } => (
            "no anchor (`&name`) of this name stands before it".to_owned(),
            Some("quote a text that begins with `*`".to_owned()),
        ),
        Error::ExternalMessage { msg, .. } => explain_syntax(msg),
        Error::Message { msg, .. } => (msg.clone(), None),
        other => (other.to_string(), None),
    };
    ProblemKind::Syntax { message, hint }
}

fn explain_limit(breach: &BudgetBreach) -> (String, Option<String>) {
    match breach {
        BudgetBreach::Depth { .. } => (format!("nested deeper than {MAX_DEPTH} levels"), None),
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
            (format!("more than {MAX_NODES} values"), Some("a lab may be split into several".to_owned()))
        }
        BudgetBreach::ScalarBytes { .. } => (
            "its aliases repeat more than 4 MiB of text".to_owned(),
            Some("write the texts out, or move them into a template".to_owned()),
        ),
        other => (format!("more than a lab file may have: {other:?}"), None),
    }
}

/// Adds what most often is behind a message of the parser.
fn explain_syntax(message: &str) -> (String, Option<String>) {
    if message.contains("recursion limit") {
        return (format!("nested deeper than {MAX_DEPTH} levels"), None);
    }
    let hint = if message.contains("mapping values are not allowed") {
        Some("quote a text that has `: ` in it, or begin a block with `|`")
    } else if message.contains("tab") {
        Some("indent with spaces")
    } else if message.contains("did not find expected") || message.contains("while parsing") {
        Some(
            "compare the indentation with the line before; quote a text that has `: ` in it or begins with `{`, `[`, `%`",
        )
    } else {
        None
    };
    (format!("not YAML: {message}"), hint.map(str::to_owned))
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = serde_json::Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(node(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut mapping = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let at = span(key.referenced);
            mapping.push((Located { value: key.value, at }, node(entries.next_value()?)));
        }
        Ok(Value::Mapping(mapping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Result<Node, String> {
        parse(&Source { name: "lab.yaml".to_owned(), text: text.into() }).map_err(|problems| problems.to_string())
    }

    #[test]
    fn everything_has_its_place() {
        let Value::Mapping(entries) = tree("a: 1\nbé: [x, \"y\"]\nc: |\n  one\n  two\nd: {e: ~}\n").unwrap().value
        else {
            panic!("a mapping")
        };
        let places: Vec<_> = entries
            .iter()
            .map(|(key, node)| (key.as_str(), key.at.line, key.at.column, node.at.line, node.at.column, node.at.offset))
            .collect();
        assert_eq!(
            places,
            [("a", 1, 1, 1, 4, 3), ("bé", 2, 1, 2, 5, 10), ("c", 3, 1, 4, 3, 26), ("d", 6, 1, 6, 4, 39)]
        );
        let Value::List(items) = &entries[1].1.value else { panic!("a list") };
        assert_eq!((items[1].at.column, items[1].at.length), (9, 3));
    }
}
