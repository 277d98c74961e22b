//! Test cases of policy semantics: a file of resources, workloads and questions with the answers they should get.
//!
//! The format is that of `tests/cases/public-cases.yaml`, whose head comment defines it. `flags` and `error_kind` of a
//! case are informative and not compared.

mod expectation;
mod query;
mod world;

use serde_json::Value;

use super::yaml::{self, YamlError};

/// How the questions of a file were answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// How many were answered as expected.
    pub passed: usize,
    /// Those that were not.
    pub failures: Vec<Failure>,
}

/// A question that was answered otherwise than expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// The case's id.
    pub case: String,
    /// The question.
    pub query: String,
    /// The answer that was expected.
    pub expected: String,
    /// The answer that was given.
    pub got: String,
}

/// A file that holds no cases.
#[derive(Debug, thiserror::Error)]
pub enum CasesError {
    /// It is not of the format.
    #[error("{0} (a file of cases has `version: 1` and a list `cases`)")]
    Format(&'static str),
    /// It is not YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

/// Answers all questions of a file of cases.
///
/// # Errors
/// [`CasesError`] if the text is no such file. A case that makes no sense is a failure of its questions instead.
pub fn run(text: &str) -> Result<Outcome, CasesError> {
    let documents = yaml::parse(text)?;
    let file = documents.first().map(yaml::Node::to_value).ok_or(CasesError::Format("the file is empty"))?;
    if file.get("version").and_then(Value::as_u64).is_some_and(|version| version != 1) {
        return Err(CasesError::Format("the version is not 1"));
    }
    let cases = file.get("cases").and_then(Value::as_array).ok_or(CasesError::Format("there is no list `cases`"))?;
    let mut outcome = Outcome::default();
    for case in cases {
        run_case(case, &mut outcome);
    }
    Ok(outcome)
}

fn run_case(case: &Value, outcome: &mut Outcome) {
    let id = case.get("id").and_then(Value::as_str).unwrap_or("(no id)");
    let world = world::World::new(case);
    for query in case.get("queries").and_then(Value::as_array).into_iter().flatten() {
        let answer = world.as_ref().map_err(Clone::clone).and_then(|world| query::answer(world, query));
        match answer.and_then(|answer| answer.compare(query)) {
            Ok(()) => outcome.passed += 1,
            Err(got) => outcome.failures.push(Failure {
                case: id.to_owned(),
                query: query::describe(query),
                expected: query::expected(query),
                got,
            }),
        }
    }
}
