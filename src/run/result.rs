//! How a run went, as plain data.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    cluster::{ClusterError, ObjectRef, Target, mesh::MeshError},
    lab::model::Lab,
    probe::{judge::Outcome, result::CheckResult},
};

/// What is known before anything is done.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LabInfo {
    /// The lab's name.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The values of its parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// The steps, in order.
    pub steps: Vec<StepInfo>,
    /// The id that everything this run creates is labelled with.
    pub run: String,
    /// Which cluster is used: `embedded`, `k8s`, `k8s, context NAME`.
    pub cluster: String,
    /// The URL of its API server, if it was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// When the run began.
    pub started: Timestamp,
}

impl LabInfo {
    /// Describes a lab that is about to be run.
    pub fn new(lab: &Lab, run: String, target: &Target) -> Self {
        let destination = target.destination();
        let parameters = lab.parameters.iter();
        let step = |step: &crate::lab::model::Step| StepInfo {
            name: step.name.value.clone(),
            title: step.title.clone(),
            points: step.points,
            checks: step.expect.iter().map(|check| check.title().to_owned()).collect(),
        };
        Self {
            name: lab.metadata.name.clone(),
            title: lab.metadata.title.clone(),
            parameters: parameters.map(|it| (it.name.value.clone(), it.value.clone())).collect(),
            steps: lab.steps.iter().map(step).collect(),
            run,
            cluster: match &destination {
                Some(destination) => format!("k8s, context {}", destination.context),
                None => target.to_string(),
            },
            server: destination.map(|destination| destination.server),
            started: now(),
        }
    }
}

/// The time in whole seconds, which is as precise as people want it.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// A step before it is done.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepInfo {
    /// Unique in the lab.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// What it is worth.
    pub points: u32,
    /// The titles of its checks.
    pub checks: Vec<String>,
}

/// How a step went.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// Unique in the lab.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The worst of its checks; error if its actions could not be done.
    pub outcome: Outcome,
    /// The points it earned: all or none.
    pub points: u32,
    /// What it is worth.
    pub worth: u32,
    /// How long it took.
    #[serde(with = "milliseconds", rename = "durationMs")]
    pub took: Duration,
    /// What kept its actions from being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The answers to its checks, as far as they were asked.
    pub checks: Vec<CheckResult>,
}

/// Something that kept the run from its questions.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What is wrong; may have several lines.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether a deadline passed, so that more time could help.
    pub late: bool,
}

impl Problem {
    /// Something that more time would not help.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, late: false }
    }
}

impl From<ClusterError> for Problem {
    fn from(error: ClusterError) -> Self {
        let late = matches!(error, ClusterError::Late { .. });
        Self { message: error.to_string(), hint: error.hint(), late }
    }
}

impl From<MeshError> for Problem {
    fn from(error: MeshError) -> Self {
        match error {
            MeshError::Cluster(error) => error.into(),
            other => Self { message: other.to_string(), hint: other.hint(), late: false },
        }
    }
}

/// How a whole run went.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// At least one check was answered, and not as expected.
    Failed,
    /// A check has no answer, or a deadline passed.
    Inconclusive,
    /// Somebody ended it.
    Interrupted,
    /// All checks pass.
    Passed,
    /// The cluster did not do what it was asked.
    Problem,
}

impl Verdict {
    /// The exit code that says so; `ARCHITECTURE.md` and `labctl run --help` list them.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Problem => 4,
            Self::Inconclusive => 5,
            Self::Interrupted => 130,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Interrupted => "interrupted",
            Self::Passed => "passed",
            Self::Problem => "problem",
        })
    }
}

/// The end of a run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// How it went.
    pub verdict: Verdict,
    /// What ended it early, unless a step says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// What the run created and could not remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Leftover>,
    /// Whether there was something to clean up, and nothing is left of it.
    #[serde(default)]
    pub cleaned: bool,
    /// How long everything took.
    #[serde(with = "milliseconds", rename = "durationMs")]
    pub took: Duration,
}

/// Something that could not be cleaned up.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// What is, or may be, still there.
    pub object: ObjectRef,
    /// What stood in the way.
    pub why: String,
}

/// Durations as whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
