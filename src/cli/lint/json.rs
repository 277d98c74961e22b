//! Findings for programs. Fields are only ever added to a version.

use serde_json::{Value, json};

use super::Report;
use crate::{lab::drawing::Severity, lint::Finding};

pub(super) fn document(report: &Report) -> String {
    let findings: Vec<Value> = report.findings.iter().map(finding).collect();
    let document = json!({
        "apiVersion": "labctl/v1",
        "kind": "LintReport",
        "labs": report.labs,
        "errors": report.count(Severity::Error),
        "warnings": report.count(Severity::Warning),
        "findings": findings,
    });
    format!("{document:#}\n")
}

/// Lines and columns count characters from 1; the end is the place right after the last one.
fn finding(finding: &Finding) -> Value {
    let (end_line, end_column) = finding.end();
    json!({
        "code": finding.code.to_string(),
        "name": finding.code.rule().name,
        "severity": finding.severity().to_string(),
        "file": finding.source.name,
        "line": finding.at.line,
        "column": finding.at.column,
        "endLine": end_line,
        "endColumn": end_column,
        "message": finding.message,
        "hint": finding.hint,
    })
}
