//! Steps, problems and the score as text for a terminal.

use std::collections::BTreeMap;

use super::{
    document::RunReport,
    grid,
    label::{self, LEGEND},
    style::{Paint, Style, of_outcome},
};
use crate::{
    probe::{
        finding::Evidence,
        judge::Outcome,
        result::{Cell, CheckResult, Grid, Line},
    },
    run::result::{Problem, StepResult, Verdict},
};

/// How much is shown of what is as expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Detail {
    /// What a person wants to know.
    Brief,
    /// The evidence of every cell as well.
    Wide,
}

/// One step with the answers to its checks.
pub fn step(number: usize, of: usize, step: &StepResult, detail: Detail, style: Style) -> String {
    let mut text = format!("{}\n", step_head(number, of, step, style));
    for (place, check) in step.checks.iter().enumerate() {
        if place > 0 && step.checks[place - 1].matrix.is_some() {
            text.push('\n');
        }
        text.push_str(&check_text(check, detail, style));
    }
    if let Some(problem) = &step.problem {
        text.push_str(&problem_text(problem, style));
    }
    text
}

fn step_head(number: usize, of: usize, step: &StepResult, style: Style) -> String {
    let width = style.width.min(100);
    let right = format!("{}  {}/{}", step.outcome, step.points, step.worth);
    let left = format!("{number}/{of}  {}: {}", step.name, step.title);
    let left = shortened(&left, width.saturating_sub(right.chars().count() + 2));
    let room = width.saturating_sub(left.chars().count() + right.chars().count()).max(2);
    let outcome = style.paint(of_outcome(step.outcome), &right);
    format!("{}{}{outcome}", style.paint(Paint::Bold, &left), " ".repeat(room))
}

/// At most `columns` of a text.
fn shortened(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let start: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
}

fn check_text(check: &CheckResult, detail: Detail, style: Style) -> String {
    let (passed, all) = check.tally();
    let mark = style.paint(of_outcome(check.outcome), label::outcome_mark(check.outcome));
    let tally = style.paint(Paint::Dim, &format!("({passed} of {all})"));
    let mut text = format!("  {mark} {} {tally}\n", check.title);
    if let Some(grid) = &check.matrix {
        text.push_str(&format!("\n{}", grid::text(grid, style, 6)));
        text.push_str(&causes(grid, style));
        for (from, cell) in grid.cells() {
            if cell.outcome != Outcome::Pass || detail == Detail::Wide {
                text.push_str(&cell_details(from, cell, style));
            }
        }
    }
    for line in &check.findings {
        if line.outcome != Outcome::Pass || detail == Detail::Wide {
            text.push_str(&line_details(line, style));
        }
    }
    text
}

/// Why cells are blocked, each cause once.
fn causes(grid: &Grid, style: Style) -> String {
    let mut causes: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for (_, cell) in grid.cells() {
        let blocked = cell.outcome == Outcome::Pass && label::tone(cell) == label::Tone::Blocked;
        if let (true, Some(cause)) = (blocked, &cell.cause) {
            *causes.entry((label::cell(cell), cause)).or_default() += 1;
        }
    }
    let each = causes.into_iter().map(|((cell, cause), _)| hanging("      ", 2, &format!("{cell}: {cause}"), style));
    let each: String = each.map(|text| format!("{}\n", style.paint(Paint::Dim, &text))).collect();
    if each.is_empty() { each } else { format!("\n{each}") }
}

fn cell_details(from: &str, cell: &Cell, style: Style) -> String {
    let head = format!("{} {from} -> {}", label::outcome_mark(cell.outcome), cell.to);
    let seen = cell.seen.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let mut fields = vec![("expected", cell.expected.to_string()), ("got", seen)];
    fields.extend(cell.cause.clone().map(|cause| ("cause", cause)));
    fields.extend(cell.why.clone().filter(|why| Some(why) != cell.cause.as_ref()).map(|why| ("why", why)));
    fields.extend(cell.control.clone().map(|control| ("control", format!("{control} reaches it"))));
    details(&head, cell.outcome, fields, &cell.evidence, style)
}

fn line_details(line: &Line, style: Style) -> String {
    let head = format!("{} {}", label::outcome_mark(line.outcome), line.subject);
    let mut fields = vec![("expected", line.expected.clone()), ("got", line.seen.clone())];
    fields.extend(line.why.clone().map(|why| ("why", why)));
    details(&head, line.outcome, fields, &line.evidence, style)
}

fn details(head: &str, outcome: Outcome, fields: Vec<(&str, String)>, evidence: &[Evidence], style: Style) -> String {
    let mut text = format!("      {}\n", style.paint(of_outcome(outcome), head));
    for (name, value) in fields {
        text.push_str(&field(name, &value, style));
    }
    for (place, evidence) in evidence.iter().enumerate() {
        let name = if place == 0 { "evidence" } else { "" };
        text.push_str(&field(name, &format!("{}: {}", evidence.source, evidence.text), style));
    }
    text
}

fn field(name: &str, value: &str, style: Style) -> String {
    format!("{}\n", hanging(&format!("          {name:<9} "), 0, value, style))
}

/// Lines of the terminal's width; all but the first are `more` columns further in than the text after `lead`.
fn hanging(lead: &str, more: usize, text: &str, style: Style) -> String {
    let indent = " ".repeat(lead.chars().count() + more);
    let options = textwrap::Options::new(style.width).initial_indent(lead).subsequent_indent(&indent);
    // An identity or an address is copied from here: it is never broken.
    let options = options.break_words(false).word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options.word_separator(textwrap::WordSeparator::AsciiSpace))
}

/// What kept a step from its questions, in one line; the whole of it goes to standard error.
fn problem_text(problem: &Problem, style: Style) -> String {
    let first = problem.message.lines().next().unwrap_or_default();
    format!("  {} {}\n", style.paint(Paint::Red, "✗"), first.trim_end_matches([':', ' ']))
}

/// The end: what was not reached, what the marks mean, the score.
pub fn summary(report: &RunReport, style: Style) -> String {
    let mut text = String::new();
    if !report.not_run.is_empty() {
        text.push_str(&format!("not run: {}\n\n", report.not_run.join(", ")));
    }
    if report.steps.iter().flat_map(|step| &step.checks).any(|check| check.matrix.is_some()) {
        text.push_str(&format!("{}\n\n", legend(style)));
    }
    text.push_str(&score(report, style));
    text
}

fn legend(style: Style) -> String {
    let each = LEGEND.iter().map(|(mark, meaning)| format!("{mark} {meaning}"));
    let mut lines = vec![String::new()];
    for item in each {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && last.chars().count() + 3 + item.chars().count() > style.width {
            lines.push(item);
        } else {
            last.push_str(if last.is_empty() { "" } else { "   " });
            last.push_str(&item);
        }
    }
    lines.iter().map(|line| style.paint(Paint::Dim, line)).collect::<Vec<_>>().join("\n")
}

fn score(report: &RunReport, style: Style) -> String {
    let score = report.score;
    let paint = match report.run.verdict {
        Verdict::Passed => Paint::Green,
        Verdict::Inconclusive | Verdict::Interrupted => Paint::Yellow,
        Verdict::Failed | Verdict::Problem => Paint::Red,
    };
    let verdict = style.paint(paint, &report.run.verdict.to_string());
    let seconds = report.run.duration_ms as f64 / 1000.0;
    let points = style.paint(Paint::Bold, &format!("{} of {} points", score.points, score.worth));
    let steps = format!("{} of {} steps", score.steps_passed, score.steps);
    format!("{}: {verdict}, {points}, {steps}, {seconds:.1} s\n", report.lab.name)
}

/// How long each part took.
pub fn timings(report: &RunReport, first_matrix: Option<std::time::Duration>) -> String {
    let mut lines: Vec<(String, u64)> =
        report.timings.iter().map(|timing| (timing.part.clone(), timing.duration_ms)).collect();
    lines.push(("all".to_owned(), report.run.duration_ms));
    let first_matrix = first_matrix.and_then(|it| u64::try_from(it.as_millis()).ok());
    lines.extend(first_matrix.map(|it| ("start to first matrix".to_owned(), it)));
    let width = lines.iter().map(|(part, _)| part.len()).max().unwrap_or(0);
    lines.iter().map(|(part, took)| format!("  {part:<width$}  {took:>6} ms\n")).collect()
}
