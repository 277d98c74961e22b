//! Proofs as JUnit XML: a suite for each lab, a case for each step and for each change that no check notices.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{all_defects, all_lab_defects, all_survivors};
use crate::{
    report::ReportError,
    run::test::{Series, StepSeries},
};

/// The proofs as XML.
///
/// # Errors
/// [`ReportError::Junit`].
pub fn xml(labs: &[Series]) -> Result<String, ReportError> {
    let mut document = Report::new("labctl test");
    document.set_time(labs.iter().map(Series::took).sum());
    document.add_test_suites(labs.iter().map(suite));
    document.to_string().map_err(ReportError::Junit)
}

fn suite(lab: &Series) -> TestSuite {
    let mut suite = TestSuite::new(&lab.lab);
    suite.set_time(lab.took());
    suite.add_property(("runs", lab.runs.len().to_string().as_str()));
    for step in lab.steps() {
        suite.add_test_case(case(lab, &step, step.name.to_owned(), NonSuccessKind::Failure, &all_defects(&step)));
        for survivor in all_survivors(&step) {
            let name = format!("{}: a change to a policy", step.name);
            suite.add_test_case(case(lab, &step, name, NonSuccessKind::Failure, &[survivor]));
        }
    }
    for defect in all_lab_defects(lab) {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(defect);
        suite.add_test_case(TestCase::new("the lab", status));
    }
    if lab.runs.iter().any(|proof| proof.interrupted) {
        let mut status = TestCaseStatus::skipped();
        status.set_message("interrupted");
        suite.add_test_case(TestCase::new("the steps not reached", status));
    }
    suite
}

fn case(lab: &Series, step: &StepSeries<'_>, name: String, kind: NonSuccessKind, defects: &[String]) -> TestCase {
    let mut status = match defects {
        [] => TestCaseStatus::success(),
        _ => TestCaseStatus::non_success(kind),
    };
    if let Some(first) = defects.first() {
        status.set_message(first.clone()).set_description(defects.join("\n"));
    }
    let mut case = TestCase::new(name, status);
    case.set_classname(&lab.lab).set_time(step.took());
    // Where servers that show cases at their source look for it.
    case.extra.insert("file".into(), lab.file.display().to_string().into());
    case.extra.insert("line".into(), step.at.line.to_string().into());
    case
}
