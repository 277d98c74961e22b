//! The answer to one check, as plain data for events and reports.

use serde::{Deserialize, Serialize};

use super::{
    finding::Evidence,
    judge::Outcome,
    verdict::{Expected, Verdict},
};
use crate::lab::plain::printable;

/// The answer to one check.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// `matrix`, `http`, `resource`, `logs`.
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// The worst of its parts.
    pub outcome: Outcome,
    /// Present for a matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Grid>,
    /// What else was looked at, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Line>,
}

impl CheckResult {
    /// A check that consists of lines.
    pub fn of_lines(kind: &str, title: &str, findings: Vec<Line>) -> Self {
        let outcome = findings.iter().map(|line| line.outcome).max().unwrap_or(Outcome::Pass);
        Self { kind: kind.to_owned(), title: title.to_owned(), outcome, matrix: None, findings }
    }

    /// A check that is a matrix.
    pub fn of_grid(title: &str, grid: Grid) -> Self {
        let outcome = grid.cells().map(|(_, cell)| cell.outcome).max().unwrap_or(Outcome::Pass);
        Self { kind: "matrix".to_owned(), title: title.to_owned(), outcome, matrix: Some(grid), findings: Vec::new() }
    }

    /// How many of its parts passed, and how many there are.
    pub fn tally(&self) -> (usize, usize) {
        let outcomes: Vec<Outcome> = match &self.matrix {
            Some(grid) => grid.cells().map(|(_, cell)| cell.outcome).collect(),
            None => self.findings.iter().map(|line| line.outcome).collect(),
        };
        (outcomes.iter().filter(|outcome| **outcome == Outcome::Pass).count(), outcomes.len())
    }
}

/// Who reaches whom: a row for each caller, a column for each server.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grid {
    /// The path that was asked for.
    pub path: String,
    /// The servers, in order.
    pub columns: Vec<String>,
    /// The callers, in order.
    pub rows: Vec<GridRow>,
}

impl Grid {
    /// All cells, each with the name of its caller.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.rows.iter().flat_map(|row| row.cells.iter().map(|cell| (row.from.as_str(), cell)))
    }
}

/// What one caller saw.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GridRow {
    /// The caller.
    pub from: String,
    /// One for each column.
    pub cells: Vec<Cell>,
}

/// What one caller saw of one server.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// The server.
    pub to: String,
    /// Whether it was as expected.
    pub outcome: Outcome,
    /// What the lab expects.
    pub expected: Expected,
    /// What was seen; absent if the probe broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Verdict>,
    /// Why it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Why it is not a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who reached the server meanwhile, for a cell that is blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// Who says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Whether it was as expected.
    pub outcome: Outcome,
    /// What was looked at.
    pub subject: String,
    /// What the lab expects.
    pub expected: String,
    /// What was there.
    pub seen: String,
    /// Why it is not a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl Line {
    /// A line that passes or fails by `holds`. What was seen may come from a stranger's program; it is made fit to be shown.
    pub fn new(subject: impl Into<String>, expected: impl Into<String>, seen: impl Into<String>, holds: bool) -> Self {
        Self {
            outcome: if holds { Outcome::Pass } else { Outcome::Fail },
            subject: subject.into(),
            expected: expected.into(),
            seen: printable(&seen.into()).into_owned(),
            why: None,
            evidence: Vec::new(),
        }
    }

    /// A line about something that could not be looked at.
    pub fn broken(subject: impl Into<String>, expected: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Error,
            subject: subject.into(),
            expected: expected.into(),
            seen: "unknown".to_owned(),
            why: Some(why.into()),
            evidence: Vec::new(),
        }
    }
}
