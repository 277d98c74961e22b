//! Fills parameters into the texts of a lab file: `{{ name }}` in any value, never in a key.

use std::ops::ControlFlow;

use serde_json::Map;

use crate::{
    lab::{
        position::Span,
        problem::{Collector, ProblemKind, suggestion},
        yaml::{Node, Value},
    },
    render::{self, Excerpt, RenderError},
};

/// Fills `scope` into every text below `node`. What cannot be filled is noted and left as it is; after a text that takes
/// too long or too much memory no other is tried.
pub(super) fn fill(problems: &Collector, node: &mut Node, scope: &Map<String, serde_json::Value>) -> ControlFlow<()> {
    match &mut node.value {
        Value::List(items) => items.iter_mut().try_for_each(|item| fill(problems, item, scope))?,
        Value::Mapping(entries) => entries.iter_mut().try_for_each(|(_, value)| fill(problems, value, scope))?,
        Value::Text(text) if text.contains("{{") || text.contains("{%") => {
            match render::fill(&problems.source().name, text, scope) {
                Ok(filled) => *text = filled,
                Err(error) => {
                    note(problems, node.at, &error);
                    if matches!(error, RenderError::TooMuch { .. }) {
                        return ControlFlow::Break(());
                    }
                }
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::Text(_) => {}
    }
    ControlFlow::Continue(())
}

/// Notes an error at its place in the lab file, given where the text stands.
fn note(problems: &Collector, text: Span, error: &RenderError) {
    let (at, kind) = match error {
        RenderError::Undefined { at, name, known } => {
            let hint = suggestion(name, known)
                .unwrap_or_else(|| format!("declare it under `parameters`; there are: {}", known.join(", ")));
            let message = format!("the parameter `{name}` is not defined");
            (Some(at), ProblemKind::Undefined { message, hint })
        }
        RenderError::Template { at, message } => (Some(at), broken(message.clone(), RAW)),
        RenderError::Refused { reason, .. } | RenderError::TooMuch { reason, .. } => (
            None,
            broken(format!("this text is refused: {reason}"), "a lab's texts show parameters, and do little more"),
        ),
        other => (None, broken(other.to_string(), RAW)),
    };
    let at = at.map_or(text, |at| in_file(&problems.source().text, text, at));
    problems.add(at, kind);
}

fn broken(message: String, hint: &str) -> ProblemKind {
    ProblemKind::Template { message, hint: Some(hint.to_owned()) }
}

const RAW: &str = "a text that is to show braces stands between `{% raw %}` and `{% endraw %}`";

/// Finds the place in the file: the text may be indented, folded or quoted there, so its line is searched for.
fn in_file(file: &str, text: Span, at: &Excerpt) -> Span {
    let before = &at.text[..at.range.start];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = at.text[line_start..].lines().next().unwrap_or_default().trim();
    let indent = at.text[line_start..].len() - at.text[line_start..].trim_start().len();
    let Some(found) = file.get(text.offset..).and_then(|rest| rest.find(line)).filter(|_| !line.is_empty()) else {
        return text;
    };
    let offset = text.offset + found + (at.range.start - line_start).saturating_sub(indent);
    let place = Excerpt::new("", file, offset..offset + at.range.len());
    let (line, column) = place.position();
    Span { line, column, offset: place.range.start, length: place.range.len() }
}
