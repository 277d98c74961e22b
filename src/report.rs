//! Readers of a run's events: the terminal, and documents in several formats. Knows not how events come about.

pub mod columns;
pub mod document;
pub mod file;
pub mod github;
pub mod graph;
pub mod grid;
pub mod html;
pub mod junit;
pub mod label;
pub mod progress;
pub mod proof;
pub mod recorder;
pub mod stream;
pub mod style;
pub mod tap;
pub mod terminal;
pub mod text;

use document::RunReport;

/// How a run is shown on standard output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Format {
    /// One document for programs, `labctl/v1` RunReport.
    Json,
    /// Steps, matrices and the score for people.
    #[default]
    Table,
    /// As table, with the evidence of every cell.
    Wide,
    /// The same document as json.
    Yaml,
}

/// The report cannot be written in its format.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The page's template and the report do not fit.
    #[error("cannot make the page: {0}")]
    Html(minijinja::Error),
    /// Standard output takes no more.
    #[error("cannot write to standard output: {0}")]
    Io(std::io::Error),
    /// Not JSON.
    #[error("cannot write JSON: {0}")]
    Json(serde_json::Error),
    /// Not XML.
    #[error("cannot write JUnit XML: {0}")]
    Junit(quick_junit::SerializeError),
    /// Not YAML.
    #[error("cannot write YAML: {0}")]
    Yaml(serde_yaml::Error),
}

/// The report as a file of this kind has it.
///
/// # Errors
/// See [`ReportError`].
pub fn of_kind(kind: file::Kind, report: &RunReport) -> Result<String, ReportError> {
    match kind {
        file::Kind::Html => html::page(report),
        file::Kind::Json => json(report),
        file::Kind::Junit => junit::xml(report),
        file::Kind::Yaml => yaml(report),
    }
}

/// The report as JSON, with a newline at its end.
///
/// # Errors
/// [`ReportError::Json`].
pub fn json(report: &RunReport) -> Result<String, ReportError> {
    serde_json::to_string_pretty(report).map(|text| text + "\n").map_err(ReportError::Json)
}

/// The report as YAML.
///
/// # Errors
/// [`ReportError::Yaml`].
pub fn yaml(report: &RunReport) -> Result<String, ReportError> {
    serde_yaml::to_string(report).map_err(ReportError::Yaml)
}
