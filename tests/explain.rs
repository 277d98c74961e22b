//! `labctl explain` through the public door, and the semantics of policies by their case tables.

use labctl::mesh::explain::cases;

fn all_pass(text: &str) -> usize {
    let outcome = cases::run(text).unwrap();
    let failures: Vec<String> = outcome
        .failures
        .iter()
        .map(|failure| {
            format!("{} {}: expected {}, got {}", failure.case, failure.query, failure.expected, failure.got)
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} failed:\n{}",
        failures.len(),
        failures.len() + outcome.passed,
        failures.join("\n")
    );
    outcome.passed
}

#[test]
fn public_cases_pass() {
    assert_eq!(all_pass(include_str!("cases/public-cases.yaml")), 288);
}
