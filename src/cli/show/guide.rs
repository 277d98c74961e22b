//! The guide as text: title, parameters, and each step with what is expected of it.

use std::fmt::Write as _;

use super::{Unfold, markdown};
use crate::{
    book::{counted, solution},
    lab::{
        check::{Check, Matrix},
        model::{Lab, Step},
    },
    probe::verdict::{Expected, Verdict},
    report::style::{Paint, Style},
};

// Writing to a `String` cannot fail, so what `write!` answers is dropped throughout.

/// Everything, with what the lab is about.
pub(super) fn whole(lab: &Lab, list: &[(usize, &Step)], unfold: Unfold, style: Style) -> String {
    let about = &lab.metadata;
    let facts = format!(
        "{} · {} · {} · about {}",
        about.name,
        counted(lab.steps.len(), "step"),
        counted(lab.points() as usize, "point"),
        counted(about.minutes as usize, "minute"),
    );
    let mut out = format!("{}\n{}\n\n", style.paint(Paint::Bold, &about.title), style.paint(Paint::Dim, &facts));
    out += &markdown::render(&about.summary, 0, style);
    parameters(&mut out, lab, style);
    out.push('\n');
    out + &steps(lab, list, unfold, style)
}

fn parameters(out: &mut String, lab: &Lab, style: Style) {
    if lab.parameters.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.paint(Paint::Bold, "Parameters (--set NAME=VALUE)"));
    for parameter in &lab.parameters {
        let _ = writeln!(out, "  {} = {}", style.paint(Paint::Code, &parameter.name), parameter.value);
        let _ = writeln!(out, "      {}", style.paint(Paint::Dim, &parameter.description));
    }
}

/// The steps alone.
pub(super) fn steps(lab: &Lab, list: &[(usize, &Step)], unfold: Unfold, style: Style) -> String {
    let written: Vec<String> = list.iter().map(|&(index, step)| one(lab, index, step, unfold, style)).collect();
    written.join("\n")
}

fn one(lab: &Lab, index: usize, step: &Step, unfold: Unfold, style: Style) -> String {
    let heading = format!("{}. {}", index + 1, step.title);
    let facts = format!("{} · {}", step.name.value, counted(step.points as usize, "point"));
    let mut out = format!("{}\n{}\n\n", style.paint(Paint::Bold, &heading), style.paint(Paint::Dim, &facts));
    out += &markdown::render(&step.text, 0, style);
    expected(&mut out, step, style);
    hints(&mut out, lab, step, unfold, style);
    if unfold.solution {
        let _ = writeln!(out, "\n{}", style.paint(Paint::Bold, "Solution"));
        out += &markdown::render(&solution::block(lab, step), 0, style);
    }
    out
}

fn expected(out: &mut String, step: &Step, style: Style) {
    let _ = writeln!(out, "\n{}", style.paint(Paint::Bold, "What must be seen"));
    for check in &step.expect {
        let _ = writeln!(out, "  • {}", check.title());
        if let Check::Matrix(matrix) = &check.value {
            grid(out, matrix, style);
        }
    }
}

/// Rows and columns of equal width, verdicts in colour.
fn grid(out: &mut String, matrix: &Matrix, style: Style) {
    let width = |texts: &mut dyn Iterator<Item = String>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
    let lead = width(&mut matrix.rows.iter().map(|row| row.from.value.to_string()));
    let columns: Vec<usize> = matrix
        .to
        .iter()
        .enumerate()
        .map(|(column, to)| {
            let cells = matrix.rows.iter().map(|row| row.cells[column].value.to_string());
            width(&mut cells.chain([to.value.to_string()]))
        })
        .collect();
    let header: Vec<String> =
        matrix.to.iter().zip(&columns).map(|(to, &width)| format!("{:width$}", to.value)).collect();
    let _ = writeln!(out, "      {:lead$}  {}", "", style.paint(Paint::Dim, header.join("  ").trim_end()));
    for row in &matrix.rows {
        let last = row.cells.len().saturating_sub(1);
        let cells: Vec<String> = row
            .cells
            .iter()
            .zip(&columns)
            .enumerate()
            .map(|(column, (cell, &width))| {
                let text = cell.value.to_string();
                let padding = if column == last { 0 } else { width - text.chars().count() };
                format!("{}{:padding$}", verdict(&cell.value, &text, style), "")
            })
            .collect();
        let _ = writeln!(out, "      {:lead$}  {}", row.from.value, cells.join("  "));
    }
}

fn verdict(expected: &Expected, text: &str, style: Style) -> String {
    match expected {
        Expected::Mtls | Expected::Exactly(Verdict::Mtls(_)) => style.paint(Paint::Green, text),
        Expected::Exactly(Verdict::Plaintext | Verdict::TlsOnly) => style.paint(Paint::Yellow, text),
        Expected::Exactly(_) => style.paint(Paint::Red, text),
    }
}

fn hints(out: &mut String, lab: &Lab, step: &Step, unfold: Unfold, style: Style) {
    if step.hints.is_empty() {
        return;
    }
    if !unfold.hints {
        let costs: u32 = step.hints.iter().map(|hint| hint.cost.value).sum();
        let command = format!("labctl show {} --step {} --hints", lab.metadata.name, step.name.value);
        let count = counted(step.hints.len(), "hint");
        let price = format!("{count} for {} in all: {command}", counted(costs as usize, "point"));
        let _ = writeln!(out, "\n{}", style.paint(Paint::Dim, &price));
        return;
    }
    for (index, hint) in step.hints.iter().enumerate() {
        let heading = format!("Hint {} ({})", index + 1, counted(hint.cost.value as usize, "point"));
        let _ = writeln!(out, "\n{}", style.paint(Paint::Bold, &heading));
        *out += &markdown::render(&hint.text, 2, style);
    }
}
