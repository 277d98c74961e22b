//! A run as JUnit XML: a suite for each step, a case for each cell and each finding.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{ReportError, document::RunReport};
use crate::{
    probe::{
        finding::Evidence,
        judge::Outcome,
        result::{Cell, CheckResult, Grid, Line},
    },
    run::result::{Problem, StepResult},
};

/// The report as XML.
///
/// # Errors
/// [`ReportError::Junit`].
pub fn xml(report: &RunReport) -> Result<String, ReportError> {
    let mut document = Report::new(format!("labctl run {}", report.lab.name));
    document.set_time(Duration::from_millis(report.run.duration_ms));
    document.add_test_suites(report.steps.iter().map(|step| suite(report, step)));
    for name in &report.not_run {
        let mut suite = TestSuite::new(name);
        suite.add_test_case(TestCase::new("the step", TestCaseStatus::skipped()));
        document.add_test_suite(suite);
    }
    if let Some(problem) = &report.problem {
        let mut suite = TestSuite::new("run");
        suite.add_test_case(problem_case("the run", problem));
        document.add_test_suite(suite);
    }
    document.to_string().map_err(ReportError::Junit)
}

fn suite(report: &RunReport, step: &StepResult) -> TestSuite {
    let mut suite = TestSuite::new(&step.name);
    suite.set_time(step.took);
    suite.add_property(("points", step.points.to_string().as_str()));
    suite.add_property(("worth", step.worth.to_string().as_str()));
    for check in &step.checks {
        let class = format!("{}.{}", report.lab.name, step.name);
        suite.add_test_cases(cases(check).into_iter().map(|mut case| {
            case.set_classname(&class);
            case
        }));
    }
    if let Some(problem) = &step.problem {
        suite.add_test_case(problem_case("the actions of the step", problem));
    }
    suite
}

fn cases(check: &CheckResult) -> Vec<TestCase> {
    let cells = check.matrix.iter().flat_map(Grid::cells);
    let cells = cells.map(|(from, cell)| cell_case(check, from, cell));
    cells.chain(check.findings.iter().map(|line| line_case(check, line))).collect()
}

fn cell_case(check: &CheckResult, from: &str, cell: &Cell) -> TestCase {
    let seen = cell.seen.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let name = format!("{}: {from} -> {}", check.title, cell.to);
    case(name, cell.outcome, &cell.expected.to_string(), &seen, cell.why.as_deref(), &cell.evidence)
}

fn line_case(check: &CheckResult, line: &Line) -> TestCase {
    let name = format!("{}: {}", check.title, line.subject);
    case(name, line.outcome, &line.expected, &line.seen, line.why.as_deref(), &line.evidence)
}

fn case(
    name: String,
    outcome: Outcome,
    expected: &str,
    seen: &str,
    why: Option<&str>,
    evidence: &[Evidence],
) -> TestCase {
    let mut status = match outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    if outcome != Outcome::Pass {
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        status.set_message(format!("expected {expected}, got {seen}{why}"));
    }
    let mut case = TestCase::new(name, status);
    let lines: Vec<String> = evidence.iter().map(|it| format!("{}: {}", it.source, it.text)).collect();
    if !lines.is_empty() {
        case.set_system_out(lines.join("\n"));
    }
    case
}

fn problem_case(name: &str, problem: &Problem) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(problem.message.clone());
    TestCase::new(name, status)
}
