//! What can be set: declared in the lab file with a default and a pattern, given with `--set name=value`.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::{
    lab::{
        fields::{Fields, mapping, text},
        model::Parameter,
        nearest::nearest,
        plain,
        position::Located,
        problem::{Collector, ProblemKind},
        yaml::Node,
    },
    render,
};

/// Names that templates already know something by.
const TAKEN: &[&str] =
    &["labctl", "lab", "loop", "self", "super", "caller", "range", "dict", "namespace", "true", "false", "none"];

/// A value from the command line that a lab does not accept.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SettingError {
    /// The value does not match.
    #[error("`{value}` is not possible for the parameter `{name}`: it must match {pattern}")]
    Mismatch {
        /// The parameter.
        name: String,
        /// What was given.
        value: String,
        /// What it must match.
        pattern: String,
    },
    /// The same parameter was given two values.
    #[error("the parameter `{0}` is set twice")]
    Twice(String),
    /// The lab has no such parameter.
    #[error("the lab has no parameter `{name}`{}", .nearest.as_ref().map_or_else(|| listed(.known), |near| format!("; did you mean `{near}`?")))]
    Unknown {
        /// What was given.
        name: String,
        /// What may have been meant.
        nearest: Option<String>,
        /// The lab's parameters.
        known: Vec<String>,
    },
}

fn listed(known: &[String]) -> String {
    match known {
        [] => "; it has none".to_owned(),
        known => format!("; there are: {}", known.join(", ")),
    }
}

/// Reads `parameters`, and gives each its default.
pub(super) fn declared(problems: &Collector, node: Option<&Node>, image: &str) -> Vec<Parameter> {
    let entries = node.and_then(|node| mapping(problems, "parameters", node)).unwrap_or_default();
    entries.iter().filter_map(|(name, node)| parameter(problems, name, node, image)).collect()
}

fn parameter(problems: &Collector, name: &Located<String>, node: &Node, image: &str) -> Option<Parameter> {
    let mut fields = Fields::open(problems, "a parameter", node)?.under(name.at);
    let description = fields.text("description", "what it is for, in a few words");
    let default = fields.required("default", "the value unless it is set");
    let default = default.and_then(|node| text(problems, "default", node));
    let pattern = fields.optional_text("pattern");
    fields.finish();
    let default = default.and_then(|default| filled_default(problems, &default, image));
    let pattern = pattern.and_then(|pattern| checked_pattern(problems, pattern));
    if !is_identifier(name) || TAKEN.contains(&name.as_str()) {
        let hint =
            "lower case letters, digits and `_`, beginning with a letter, and no word that templates know already";
        problems.invalid(name.at, format!("a parameter cannot be called `{}`", name.value), Some(hint.to_owned()));
        return None;
    }
    let (description, default, pattern) = (description?.value, default?, pattern?);
    if let Some((pattern, _)) = pattern.as_ref().filter(|(_, regex)| !regex.is_match(&default)) {
        let message = format!("the default `{}` does not match the parameter's own pattern", default.value);
        problems.invalid(default.at, message, Some(format!("it must match {pattern}")));
        return None;
    }
    let (default, pattern) = (default.value, pattern.map(|(pattern, _)| pattern));
    Some(Parameter { name: name.clone(), description, value: default.clone(), default, pattern })
}

/// A default may use `{{ labctl.version }}` and `{{ labctl.image }}`, but no other parameter.
fn filled_default(problems: &Collector, default: &Located<String>, image: &str) -> Option<Located<String>> {
    let scope = Map::from_iter([("labctl".to_owned(), render::labctl(image))]);
    match render::fill(&problems.source().name, default, &scope) {
        Ok(value) => {
            plain::note(problems, default.at, &value);
            Some(Located { value, at: default.at })
        }
        Err(_) => {
            let hint = Some(
                "a default may use `{{ labctl.version }}` and `{{ labctl.image }}`, and no other parameter".to_owned(),
            );
            let message = format!("the default `{}` cannot be filled in", default.value);
            problems.add(default.at, ProblemKind::Template { message, hint });
            None
        }
    }
}

/// A pattern as it is written, and ready to match; `None` in `Some` if there is none.
fn checked_pattern(problems: &Collector, pattern: Option<Located<String>>) -> Option<Option<(String, Regex)>> {
    let Some(pattern) = pattern else { return Some(None) };
    match compile(&pattern) {
        Ok(regex) => Some(Some((pattern.value, regex))),
        Err(error) => {
            problems.invalid(pattern.at, "`pattern` is not a regular expression", Some(one_line(&error)));
            None
        }
    }
}

/// The last line of the error of a regular expression says what is wrong.
pub(super) fn one_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Matches whole values.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    // The pattern by itself first: `a)(b` would become sound by the parentheses around it.
    RegexBuilder::new(pattern).size_limit(1 << 20).build()?;
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build()
}

fn is_identifier(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(plain)
}

/// Gives parameters the values of the command line.
///
/// # Errors
/// For a name that the lab does not have, and for a value that does not match.
pub(super) fn set(parameters: &mut [Parameter], settings: &[(String, String)]) -> Result<(), SettingError> {
    for (index, (name, value)) in settings.iter().enumerate() {
        if settings[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(SettingError::Twice(name.clone()));
        }
        let known: Vec<String> = parameters.iter().map(|parameter| parameter.name.value.clone()).collect();
        let Some(parameter) = parameters.iter_mut().find(|parameter| parameter.name.value == *name) else {
            let nearest = nearest(name, &known).map(str::to_owned);
            return Err(SettingError::Unknown { name: name.clone(), nearest, known });
        };
        if let Some(pattern) = &parameter.pattern
            && !compile(pattern).is_ok_and(|regex| regex.is_match(value))
        {
            let (name, value, pattern) = (name.clone(), value.clone(), pattern.clone());
            return Err(SettingError::Mismatch { name, value, pattern });
        }
        parameter.value.clone_from(value);
    }
    Ok(())
}

/// What templates and texts of a lab can use.
pub(super) fn scope(lab: &str, parameters: &[Parameter], image: &str) -> Map<String, Value> {
    let named = parameters.iter().map(|parameter| (parameter.name.value.clone(), parameter.value.as_str().into()));
    let lab = serde_json::json!({ "name": lab });
    named.chain([("labctl".to_owned(), render::labctl(image)), ("lab".to_owned(), lab)]).collect()
}
