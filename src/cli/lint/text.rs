//! Findings for people: each with an excerpt and a caret, then how many there are.

use super::Report;
use crate::{
    lab::drawing::{Canvas, Severity},
    report::style::{Paint, Style},
};

/// Wider lines are hard to read, whatever the terminal.
const WIDEST: usize = 120;

pub(super) fn report(report: &Report, style: Style) -> String {
    let canvas = Canvas { width: style.width.min(WIDEST), colour: style.colour };
    let drawn: String = report.findings.iter().map(|finding| finding.drawing().draw(canvas) + "\n").collect();
    drawn + &summary(report, style)
}

fn summary(report: &Report, style: Style) -> String {
    let labs = count(report.labs, "lab");
    let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
    if errors + warnings == 0 {
        return format!("{} {labs}, nothing to say\n", style.paint(Paint::Green, "✓"));
    }
    let (errors, warnings) =
        (mark(errors, "error", Paint::Red, style), mark(warnings, "warning", Paint::Yellow, style));
    let found: Vec<String> = [errors, warnings].into_iter().flatten().collect();
    let mut codes: Vec<String> = report.findings.iter().map(|finding| finding.code.to_string()).collect();
    codes.sort();
    format!("{labs}: {}\n`labctl lint --explain {}` says why it matters\n", found.join(", "), codes[0])
}

fn mark(number: usize, noun: &str, paint: Paint, style: Style) -> Option<String> {
    (number > 0).then(|| style.paint(paint, &count(number, noun)))
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lab, lint::lint};

    #[test]
    fn eighty_columns_and_colour() {
        let findings = lint(&lab::find("tests/lint/refused-object.yaml").unwrap());
        let found = Report { labs: 1, findings };
        let plain = report(&found, Style::PLAIN);
        assert!(plain.lines().all(|line| line.chars().count() <= 80), "{plain}");
        let coloured = report(&found, Style { colour: true, ..Style::PLAIN });
        assert!(coloured.contains("\u{1b}[31m"), "{coloured}");
        assert_eq!(regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&coloured, ""), plain);
    }
}
