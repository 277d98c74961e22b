//! Findings as annotations of GitHub Actions.

use super::Report;
use crate::{
    lab::drawing::Severity,
    report::github::{Annotation, Level, Place},
};

pub(super) fn lines(report: &Report) -> String {
    let annotations = report.findings.iter().map(|finding| {
        let level = if finding.severity() == Severity::Error { Level::Error } else { Level::Warning };
        let (_, after) = finding.end();
        let place = Place {
            file: finding.source.name.clone(),
            line: finding.at.line,
            column: Some(finding.at.column),
            end_column: Some(after - 1),
        };
        let hint = finding.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
        let message = format!("{}{hint}", finding.message);
        format!("{}\n", Annotation { level, place: Some(place), title: finding.code.to_string(), message })
    });
    annotations.collect()
}
