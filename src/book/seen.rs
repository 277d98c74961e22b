//! What must be seen after a step: as a run showed it, or as the lab expects it where no run was recorded.

use std::fmt::Write as _;

use super::{
    Edition,
    lab::{folded, plain},
    recording::{self, Finding},
    solution,
};
use crate::{
    lab::{
        check::{Check, Matrix, Resource},
        model::Lab,
    },
    probe::verdict::{Expected, Verdict},
    report::label::{self, Tone},
};

// Writing to a `String` cannot fail, so what `write!` answers is dropped throughout.

/// One check: its title, its matrix, the outputs that go with it.
pub(super) fn check(lab: &Lab, check: &Check, recorded: Option<&recording::Check>, edition: Edition) -> String {
    let mut out = format!("**{}**\n\n", plain(check.title()));
    match (check, recorded.and_then(|recorded| recorded.matrix.as_ref())) {
        (Check::Matrix(_), Some(grid)) => out += &grid_seen(grid),
        (Check::Matrix(matrix), None) => out += &grid_expected(matrix),
        (Check::Http(http), _) => out += &output(&format!("$ {}", solution::request(lab, http)), recorded),
        (Check::Resource(resource), _) if edition == Edition::Learner => {
            out += &output("", recorded.map(|recorded| without_fields(recorded, resource)).as_ref());
        }
        _ => out += &output("", recorded),
    }
    if edition == Edition::Trainer
        && let Some(causes) =
            recorded.and_then(|recorded| recorded.matrix.as_ref()).map(causes).filter(|it| !it.is_empty())
    {
        out += &folded("checked", "Why", &causes);
    }
    out
}

/// Small print.
pub(super) fn facts(html: &str) -> String {
    format!("<p class=\"facts\">{html}</p>\n")
}

fn output(command: &str, recorded: Option<&recording::Check>) -> String {
    let mut lines: Vec<String> = Vec::new();
    lines.extend((!command.is_empty()).then(|| command.to_owned()));
    if let Some(recorded) = recorded {
        lines.extend(recorded.evidence.iter().map(|said| format!("{}: {}", said.source, first_line(&said.text))));
        lines.extend(recorded.findings.iter().map(finding));
    }
    if lines.is_empty() { String::new() } else { format!("```text\n{}\n```\n\n", lines.join("\n")) }
}

/// What an object says after the step is how the step is solved.
fn without_fields(recorded: &recording::Check, resource: &Resource) -> recording::Check {
    let places: Vec<String> =
        resource.fields.iter().filter_map(|field| Some(format!(" {}", field.json.as_ref()?))).collect();
    let mut kept = recorded.clone();
    kept.findings.retain(|finding| !places.iter().any(|place| finding.subject.ends_with(place)));
    kept
}

fn finding(finding: &Finding) -> String {
    format!("{}: {}", finding.subject, first_line(&finding.seen))
}

/// A page is known by its first line.
fn first_line(text: &str) -> String {
    match text.split_once('\n') {
        Some((first, rest)) if !rest.is_empty() => format!("{first} ..."),
        _ => text.trim_end().to_owned(),
    }
}

fn grid_seen(grid: &recording::Grid) -> String {
    let rows = grid.rows.iter().map(|row| {
        let cells = row.cells.iter().map(|cell| match &cell.seen {
            Some(verdict) => mark(verdict),
            None => "unknown".to_owned(),
        });
        (row.from.clone(), cells.collect())
    });
    table(grid.columns.iter().map(String::as_str), rows)
}

fn grid_expected(matrix: &Matrix) -> String {
    let rows = matrix.rows.iter().map(|row| {
        let cells = row.cells.iter().map(|cell| match &cell.value {
            Expected::Exactly(verdict) => mark(verdict),
            Expected::Mtls => marked(Tone::Locked, &label::expected_word(&cell.value)),
        });
        (row.from.value.to_string(), cells.collect())
    });
    table(matrix.to.iter().map(|to| to.value.0.as_str()), rows)
}

fn table<'a>(columns: impl Iterator<Item = &'a str>, rows: impl Iterator<Item = (String, Vec<String>)>) -> String {
    let columns: Vec<String> = columns.map(plain).collect();
    let mut out = format!("| from \\\\ to | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for (from, cells) in rows {
        let _ = writeln!(out, "| {} | {} |", plain(&from), cells.join(" | "));
    }
    out + "\n"
}

/// A verdict with its mark, which does without colour.
fn mark(verdict: &Verdict) -> String {
    marked(label::tone_of(verdict), &label::word(verdict))
}

fn marked(tone: Tone, word: &str) -> String {
    let class = match tone {
        Tone::Blocked => "blocked",
        Tone::Locked => "locked",
        Tone::Open => "open",
        Tone::Unknown => "unknown",
    };
    format!("<span class=\"seen {class}\">{} {}</span>", label::tone_mark(tone), plain(word))
}

/// Why the cells say what they say, where that is known.
fn causes(grid: &recording::Grid) -> String {
    let mut out = String::new();
    for row in &grid.rows {
        for (to, cell) in grid.columns.iter().zip(&row.cells) {
            if let Some(cause) = &cell.cause {
                let _ = writeln!(out, "- `{} -> {to}`: {}", row.from, plain(cause));
            }
        }
    }
    out
}
