//! The catalogue for people: one code with all there is to say, or all codes in a line each.

use crate::{
    lab::drawing::Severity,
    lint::{Rule, catalogue},
    report::style::{Paint, Style},
};

/// Wider lines are hard to read, whatever the terminal.
const WIDEST: usize = 100;

pub(super) fn rule(rule: &Rule, style: Style) -> String {
    let title =
        format!("{} {}", style.paint(Paint::Bold, &format!("{} {}", rule.code, rule.name)), severity(rule, style));
    let width = style.width.min(WIDEST);
    let [summary, why] = [rule.summary, rule.why].map(|text| textwrap::fill(text, width));
    let (wrong, right) = (code(rule.wrong, style), code(rule.right, style));
    let (bad, good) = (style.paint(Paint::Red, "wrong"), style.paint(Paint::Green, "right"));
    format!("{title}\n\n{summary}\n\n{why}\n\n{bad}\n{wrong}\n{good}\n{right}")
}

fn severity(rule: &Rule, style: Style) -> String {
    let paint = if rule.severity == Severity::Error { Paint::Red } else { Paint::Yellow };
    style.paint(paint, &rule.severity.to_string())
}

fn code(text: &str, style: Style) -> String {
    text.lines().map(|line| format!("  {}\n", style.paint(Paint::Code, line))).collect()
}

pub(super) fn list(style: Style) -> String {
    let names = catalogue::all().map(|rule| rule.name.len()).max().unwrap_or_default();
    let line = |rule: &Rule| {
        let gap = " ".repeat("warning".len() - rule.severity.to_string().len());
        let code = style.paint(Paint::Bold, &rule.code.to_string());
        format!("{code}  {}{gap}  {:names$}  {}\n", severity(rule, style), rule.name, rule.summary)
    };
    catalogue::all().map(line).collect()
}
