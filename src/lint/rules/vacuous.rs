//! Assertions that hold for every text.

use crate::{
    lab::check::{Assertion, Check, Test},
    lint::{Code, Subject},
};

pub(super) fn check(subject: &Subject<'_>) {
    for check in subject.checks() {
        let assertions = match &check.value {
            Check::Http(http) => &http.body,
            Check::Logs(logs) => &logs.line,
            Check::Resource(resource) => &resource.fields,
            _ => continue,
        };
        for assertion in assertions.iter().filter(|assertion| always_holds(assertion)) {
            let message = "this holds for every text, so it checks nothing";
            subject.note(Code::VacuousCheck, assertion.test.at, message, "say what must stand there, or remove it");
        }
    }
}

/// With a JSON pointer, a test that any text passes still says that there is one.
fn always_holds(assertion: &Assertion) -> bool {
    assertion.json.is_none()
        && match &assertion.test.value {
            Test::Contains(part) => part.is_empty(),
            // Without an anchor, what is found in the empty text is found everywhere.
            Test::Matches(pattern) => pattern.is_match("") && !pattern.as_str().contains(['^', '$', '\\']),
            Test::Absent | Test::Equals(_) => false,
        }
}
