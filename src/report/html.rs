//! A run as one self-contained page: no scripts, no files beside it, light and dark, wide and narrow.

use minijinja::{Environment, HtmlEscape, UndefinedBehavior, Value, context, syntax::SyntaxConfig, value::Serde};

use super::{
    ReportError,
    document::RunReport,
    label::{self, LEGEND, Tone},
};
use crate::probe::{judge::Outcome, result::Cell};

/// The page; `.html` makes the engine escape every value.
const PAGE: &str = "page.html";

/// The report as a page.
///
/// # Errors
/// [`ReportError::Html`].
pub fn page(report: &RunReport) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("the delimiters are minijinja's own"));
    environment.add_filter("breakable", breakable);
    environment.add_filter("cell_text", |cell: Value| read(&cell, label::cell));
    environment.add_filter("cell_class", |cell: Value| read(&cell, class));
    environment.add_filter("expected_word", |cell: Value| read(&cell, |cell| label::expected_word(&cell.expected)));
    environment.add_filter("seconds", |milliseconds: u64| format!("{:.1} s", milliseconds as f64 / 1000.0));
    environment.add_template(PAGE, include_str!("page.html")).map_err(ReportError::Html)?;
    let page = environment.get_template(PAGE).map_err(ReportError::Html)?;
    page.render(context! { report => Serde(report), legend => Serde(LEGEND) }).map_err(ReportError::Html)
}

/// A name that may be broken after its dots where there is little room.
fn breakable(name: &str) -> Value {
    let parts: Vec<String> = name.split('.').map(|part| HtmlEscape(part).to_string()).collect();
    Value::from_safe_string(parts.join(".<wbr>"))
}

/// Looks at a cell that the template holds.
fn read(cell: &Value, look: impl Fn(&Cell) -> String) -> Result<String, minijinja::Error> {
    let cell: Cell = serde_json::to_value(cell).and_then(serde_json::from_value).map_err(|error| {
        minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, format!("not a cell: {error}"))
    })?;
    Ok(look(&cell))
}

/// The class that gives a cell its colours.
fn class(cell: &Cell) -> String {
    let class = match (cell.outcome, label::tone(cell)) {
        (Outcome::Fail, _) => "fail",
        (Outcome::Error, _) | (_, Tone::Unknown) => "error",
        (Outcome::Pass, Tone::Locked) => "locked",
        (Outcome::Pass, Tone::Open) => "open",
        (Outcome::Pass, Tone::Blocked) => "blocked",
    };
    class.to_owned()
}
