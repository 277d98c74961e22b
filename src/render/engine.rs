//! How minijinja is set up: strict, with a limit to what a template may do.

use std::{
    collections::BTreeSet,
    error::Error as _,
    sync::{Arc, LazyLock},
};

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde_json::{Map, Value};

use crate::render::{Excerpt, RenderError, bounded::bounded, error::offset_of_line};

/// Instructions that one template may execute; a large manifest takes some thousands.
const FUEL: u64 = 2_000_000;
/// How deep templates may include each other.
const RECURSION: usize = 32;
/// For texts, which bring in nothing.
static TEXTS: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// The engine without templates.
pub(super) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("the delimiters are minijinja's own"));
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    // Nearly every template has a variable of this name; forgotten, it must be undefined and not a function.
    environment.remove_global("namespace");
    environment.add_filter("quote", quote);
    environment.add_filter("yaml", yaml);
    environment
}

/// `{{ text | quote }}`: a YAML string, whatever is in it.
fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// `{{ value | yaml }}`: any value, on one line (JSON is YAML).
fn yaml(value: &minijinja::Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// What every template and every text of a lab knows of labctl: `{{ labctl.version }}`, and `{{ labctl.image }}`, the
/// image with the bundled programs.
pub fn labctl(image: &str) -> Value {
    serde_json::json!({ "version": env!("CARGO_PKG_VERSION"), "image": image })
}

/// Fills variables into `text`; `file` is what messages call it.
///
/// # Errors
/// `Undefined` or `Template`, with the place in `text`.
pub fn fill(file: &str, text: &str, scope: &Map<String, Value>) -> Result<String, RenderError> {
    if !["{{", "{%", "{#"].iter().any(|opening| text.contains(opening)) {
        return Ok(text.to_owned());
    }
    let (own, text, scope) = (file.to_owned(), text.to_owned(), scope.clone());
    bounded(file, move || {
        let rendered = TEXTS.render_named_str(&own, &text, Serde(&scope));
        rendered.map_err(|error| explain(&error, &scope, &|_| Some((own.clone(), text.as_str().into()))))
    })
}

/// The variables that a text reads; `None` if it is no template.
pub fn variables(text: &str) -> Option<BTreeSet<String>> {
    let template = TEXTS.template_from_str(text).ok()?;
    Some(template.undeclared_variables(false).into_iter().collect())
}

/// Finds a template's file and text by the name that minijinja has for it.
pub(super) type Sources<'a> = &'a dyn Fn(&str) -> Option<(String, Arc<str>)>;

/// Turns minijinja's error into ours, at the innermost place that it names.
pub(super) fn explain(error: &Error, scope: &Map<String, Value>, sources: Sources<'_>) -> RenderError {
    let mut inner = error;
    while let Some(next) = inner.source().and_then(|source| source.downcast_ref::<Error>()) {
        if next.line().is_none() && next.kind() != ErrorKind::TemplateNotFound {
            break;
        }
        inner = next;
    }
    let located = if inner.line().is_some() { inner } else { error };
    let name = located.name().unwrap_or_default();
    let (file, text) = sources(name).unwrap_or_else(|| (name.to_owned(), "".into()));
    let at = place(located, file, text);
    if inner.kind() == ErrorKind::UndefinedError {
        let name = undefined_name(inner).unwrap_or_else(|| at.text[at.range.clone()].trim()).to_owned();
        let known = scope.keys().cloned().collect();
        return RenderError::Undefined { at, name, known };
    }
    RenderError::Template { at, message: describe(inner) }
}

/// minijinja's detail names the expression in backticks: "`a.b` is undefined", possibly after another message.
fn undefined_name(error: &Error) -> Option<&str> {
    let (before, _) = error.detail()?.split_once("` is undefined")?;
    before.rsplit('`').next()
}

/// The range if minijinja knows it and it is within one line, else the line.
fn place(error: &Error, file: String, text: Arc<str>) -> Excerpt {
    let line = error.line().unwrap_or(1);
    let range = error.range().filter(|range| text.get(range.clone()).is_some_and(|part| !part.contains('\n')));
    match range {
        Some(range) if !range.is_empty() && range.start >= offset_of_line(&text, line) => {
            Excerpt::new(file, text, range)
        }
        _ => Excerpt::line_of(file, text, line),
    }
}

fn describe(error: &Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => format!("the template takes more than {FUEL} steps; is there a loop without end?"),
        (ErrorKind::InvalidOperation | ErrorKind::TemplateNotFound, Some(detail)) => detail.to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}
