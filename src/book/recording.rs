//! What a run of a lab showed, without what differs from run to run: kept beside the book, and looked at again in CI.

use std::{fmt::Write as _, fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{BookError, mask::masked};
use crate::{
    probe::{
        finding::Evidence,
        result::{self, CheckResult, Line},
        verdict::Verdict,
    },
    report::document::RunReport,
};

/// What a run of a lab showed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Recording {
    /// The lab's name.
    pub lab: String,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// What was seen after a step.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Step {
    /// The step's name.
    pub name: String,
    /// The answers to its checks, in order.
    pub checks: Vec<Check>,
}

/// The answer to one check.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Check {
    /// One line for people.
    pub title: String,
    /// Present for a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Grid>,
    /// What else was looked at, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What whoever asked says, each line once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Who reached whom.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Grid {
    /// The servers.
    pub columns: Vec<String>,
    /// The callers.
    pub rows: Vec<Row>,
}

/// What one caller saw.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Row {
    /// The caller.
    pub from: String,
    /// One for each column.
    pub cells: Vec<Cell>,
}

/// What one caller saw of one server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cell {
    /// What was seen.
    pub seen: Option<Verdict>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// What was there.
    pub seen: String,
}

impl Recording {
    /// What is worth to be kept of a run.
    pub fn of(report: &RunReport) -> Self {
        let steps = report
            .steps
            .iter()
            .map(|step| Step { name: step.name.clone(), checks: step.checks.iter().map(Check::of).collect() });
        Self { lab: report.lab.name.clone(), steps: steps.collect() }
    }

    /// Reads a lab's recording from the folder of recordings; `None` if there is none.
    ///
    /// # Errors
    /// [`BookError::Recording`], [`BookError::Unreadable`].
    pub fn read(folder: &Path, lab: &str) -> Result<Option<Self>, BookError> {
        let path = folder.join(file_name(lab));
        match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|source| BookError::Recording { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(BookError::Unreadable { path, source }),
        }
    }

    /// Writes it into the folder of recordings.
    ///
    /// # Errors
    /// If the folder is not there, or nobody may write.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self).expect("it is made of texts");
        fs::write(folder.join(file_name(&self.lab)), text + "\n")
    }

    /// Everything that it says, a line each.
    pub fn lines(&self) -> Vec<String> {
        let checks = self.steps.iter().flat_map(|step| step.checks.iter().map(move |check| (step, check)));
        let said = checks.flat_map(|(step, check)| {
            let place = format!("{}: {}", step.name, check.title);
            check.lines().into_iter().map(move |line| format!("{place}: {line}"))
        });
        said.collect()
    }
}

/// The file of a lab's recording.
pub(super) fn file_name(lab: &str) -> String {
    format!("{lab}.json")
}

impl Check {
    fn of(result: &CheckResult) -> Self {
        let mut evidence: Vec<Evidence> = Vec::new();
        // The client comes first. What proxies say besides depends on when their connection was made.
        for said in result.findings.iter().filter_map(|line| line.evidence.first()) {
            let said = Evidence::new(masked(&said.source), masked(&said.text));
            if !evidence.contains(&said) {
                evidence.push(said);
            }
        }
        Self {
            title: result.title.clone(),
            matrix: result.matrix.as_ref().map(Grid::of),
            findings: result.findings.iter().map(Finding::of).collect(),
            evidence,
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let grid = self.matrix.iter();
        for (grid, row) in grid.flat_map(|grid| grid.rows.iter().map(move |row| (grid, row))) {
            for (to, cell) in grid.columns.iter().zip(&row.cells) {
                let mut line = format!("{} -> {to}: ", row.from);
                // Writing to a `String` cannot fail.
                let _ = match &cell.seen {
                    Some(verdict) => write!(line, "{verdict}"),
                    None => write!(line, "unknown"),
                };
                line.extend(cell.cause.iter().map(|cause| format!(" ({cause})")));
                lines.push(line);
            }
        }
        lines.extend(self.findings.iter().map(|finding| format!("{}: {:?}", finding.subject, finding.seen)));
        lines.extend(self.evidence.iter().map(|said| format!("{}: {:?}", said.source, said.text)));
        lines
    }
}

impl Grid {
    fn of(grid: &result::Grid) -> Self {
        let rows = grid.rows.iter().map(|row| Row {
            from: row.from.clone(),
            cells: row
                .cells
                .iter()
                .map(|cell| Cell { seen: cell.seen.clone(), cause: cell.cause.as_deref().map(masked) })
                .collect(),
        });
        Self { columns: grid.columns.clone(), rows: rows.collect() }
    }
}

impl Finding {
    fn of(line: &Line) -> Self {
        Self { subject: masked(&line.subject), seen: masked(&line.seen) }
    }
}
