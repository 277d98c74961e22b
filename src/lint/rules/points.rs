//! Points that do not add up.

use crate::lint::{Code, Subject};

/// What the steps of a lab give together, so that a grade reads as per cent.
const TOTAL: u32 = 100;

pub(super) fn check(subject: &Subject<'_>) {
    let total = subject.lab.points();
    if total != TOTAL {
        let message = format!("the steps give {total} points together, not {TOTAL}");
        let last = subject.lab.steps.last().map(|step| step.name.at).unwrap_or_default();
        let points: Vec<String> = subject.lab.steps.iter().map(|step| step.points.to_string()).collect();
        let hint = format!("change the `points` of the steps, which are {}", points.join(" + "));
        subject.note(Code::PointsTotal, last, message, hint);
    }
}
