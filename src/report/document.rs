//! The document that a run leaves behind: `apiVersion: labctl/v1`, `kind: RunReport`.
//!
//! Within `labctl/v1` fields are only added. Readers ignore what they do not know.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::run::result::{Leftover, Problem, StepResult, Verdict};

/// The whole run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// Always `labctl/v1`.
    pub api_version: String,
    /// Always `RunReport`.
    pub kind: String,
    /// Which lab.
    pub lab: Lab,
    /// When, where and how.
    pub run: Run,
    /// What it earned.
    pub score: Score,
    /// The steps that were begun, in order, with the answers to their checks.
    ///
    /// A check of kind `matrix` has `matrix`: `columns` (the servers) and `rows`, each with `from` (the caller) and a
    /// cell per column: `to`, `outcome` (`pass`, `fail`, `error`), `expected`, `seen`, `cause`, `why`, `control`,
    /// `evidence`. Other checks have `findings`: `outcome`, `subject`, `expected`, `seen`, `why`, `evidence`.
    pub steps: Vec<StepResult>,
    /// The names of the steps that were not reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_run: Vec<String>,
    /// What ended the run early, unless a step says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// What the run created and could not remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Leftover>,
    /// How long each part took, in order.
    pub timings: Vec<Timing>,
}

impl RunReport {
    /// What ended the run early: its own problem, or that of a step.
    pub fn first_problem(&self) -> Option<&Problem> {
        let steps = self.steps.iter().find_map(|step| step.problem.as_ref());
        self.problem.as_ref().or(steps)
    }
}

/// Which lab.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lab {
    /// The lab's name.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The values of its parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// When, where and how.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The label value of everything that it created.
    pub id: String,
    /// Which cluster: `embedded`, `k8s`.
    pub cluster: String,
    /// The version of labctl.
    pub labctl: String,
    /// When it began.
    pub started: Timestamp,
    /// How long everything took, in milliseconds.
    pub duration_ms: u64,
    /// `passed`, `failed`, `inconclusive`, `interrupted` or `problem`.
    pub verdict: Verdict,
    /// The exit code of labctl.
    pub exit_code: u8,
}

/// What the run earned.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// Earned.
    pub points: u32,
    /// Possible, steps that were not reached included.
    pub worth: u32,
    /// Steps that pass.
    pub steps_passed: usize,
    /// All steps.
    pub steps: usize,
}

/// How long a part took.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// `cluster`, `mesh`, `setup`, `step NAME`, `clean up`.
    pub part: String,
    /// In milliseconds.
    pub duration_ms: u64,
}
