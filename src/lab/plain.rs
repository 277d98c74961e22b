//! Characters with which a text could write over a terminal, make it do things, or show something else than it says. Labs
//! have none.

use std::borrow::Cow;

use crate::lab::{
    position::Span,
    problem::Collector,
    yaml::{Node, Value},
};

/// Notes the texts below `node` that have control characters.
pub(super) fn check(problems: &Collector, node: &Node) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| check(problems, item)),
        Value::Mapping(entries) => {
            for (key, value) in entries {
                note(problems, key.at, &key.value);
                check(problems, value);
            }
        }
        Value::Text(text) => note(problems, node.at, text),
        Value::Bool(_) | Value::Null | Value::Number(_) => {}
    }
}

/// Notes a text that has control characters.
pub(super) fn note(problems: &Collector, at: Span, text: &str) {
    if let Some(found) = text.chars().find(|found| is_forbidden(*found)) {
        let message = format!("this text has the control character U+{:04X}", u32::from(found));
        problems.invalid(at, message, Some("a lab's texts are letters, spaces and line ends".to_owned()));
    }
}

/// Control characters, and those that turn the direction of a text round.
fn is_forbidden(char: char) -> bool {
    let turns = matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || char.is_control() && !matches!(char, '\n' | '\t')
}

/// A text that can be shown, with every character where it was.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_forbidden) {
        return text.into();
    }
    let shown = |char: char| match char.len_utf8() {
        _ if !is_forbidden(char) => char,
        1 if char == '\r' => ' ',
        1 => '?',
        2 => '¿',
        _ => '\u{fffd}',
    };
    text.chars().map(shown).collect::<String>().into()
}
