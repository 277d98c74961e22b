//! The `logs` check: a line in a container's log.

use futures::future::join_all;

use super::{
    ask::Prober,
    assertion,
    result::{CheckResult, Line},
    scene::{self, Scene},
};
use crate::lab::check::Logs;

/// Looks for a line for which everything holds, in any ready pod of the workload.
pub async fn check(prober: &Prober<'_>, scene: &Scene, check: &Logs) -> CheckResult {
    let subject = format!("log of {} in {}", check.container, check.workload.value);
    let wanted: Vec<String> = check.line.iter().map(expected).collect();
    let wanted = format!("a line that {}", wanted.join(" and "));
    let containers: Vec<_> = scene.ready(&check.workload).map(|pod| scene::container(pod, &check.container)).collect();
    let line = if containers.is_empty() {
        Line::broken(subject, wanted, format!("{} has no ready pod", check.workload.value))
    } else {
        let logs = join_all(containers.iter().map(|container| prober.cluster.log(container))).await;
        match logs.into_iter().collect::<Result<Vec<String>, _>>() {
            Err(error) => Line::broken(subject, wanted, error.to_string()),
            Ok(logs) => found(subject, wanted, &logs, check),
        }
    };
    CheckResult::of_lines("logs", &check.title, vec![line])
}

fn found(subject: String, wanted: String, logs: &[String], check: &Logs) -> Line {
    let mut lines = logs.iter().flat_map(|log| log.lines());
    let fits = |line: &&str| check.line.iter().all(|assertion| assertion::holds_for_text(line, assertion));
    match lines.find(fits) {
        Some(line) => Line::new(subject, wanted, line, true),
        None => Line::new(subject, wanted, "no such line", false),
    }
}

fn expected(assertion: &crate::lab::check::Assertion) -> String {
    match &assertion.json {
        Some(pointer) => format!("has {pointer}: {}", assertion::expected(&assertion.test.value)),
        None => assertion::expected(&assertion.test.value),
    }
}
