//! Folds the events of a run into its document.

use std::time::{Duration, Instant};

use super::document::{Lab, Run, RunReport, Score, Timing};
use crate::{
    probe::judge::Outcome,
    run::{
        event::Event,
        result::{Ended, LabInfo, StepResult},
    },
};

/// What the events have told so far.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    lab: Option<LabInfo>,
    steps: Vec<StepResult>,
    timings: Vec<Timing>,
    began: Option<Instant>,
    first_matrix: Option<Duration>,
}

impl Recorder {
    /// Reads one event. The last one gives the document.
    pub fn read(&mut self, event: &Event) -> Option<RunReport> {
        match event {
            Event::Started(lab) => {
                self.lab = Some(lab.clone());
                self.began = Some(Instant::now());
            }
            Event::PhaseEnded { phase, took } => self.timings.push(timing(phase.to_string(), *took)),
            Event::Answered { result, .. } if result.matrix.is_some() && self.first_matrix.is_none() => {
                self.first_matrix = self.began.map(|began| began.elapsed());
            }
            Event::StepEnded { result, .. } => {
                self.timings.push(timing(format!("step {}", result.name), result.took));
                self.steps.push(result.clone());
            }
            Event::Ended(ended) => return self.document(ended),
            Event::Acting { .. }
            | Event::Answered { .. }
            | Event::Kept { .. }
            | Event::PhaseStarted { .. }
            | Event::StepStarted { .. }
            | Event::Noticed { .. }
            | Event::Waiting { .. } => (),
        }
        None
    }

    /// How long it took from the start to the first complete matrix, if there was one.
    pub fn first_matrix(&self) -> Option<Duration> {
        self.first_matrix
    }

    fn document(&self, ended: &Ended) -> Option<RunReport> {
        let lab = self.lab.as_ref()?;
        let reached = |name: &String| self.steps.iter().any(|step| step.name == *name);
        let passed = |step: &&StepResult| step.outcome == Outcome::Pass;
        Some(RunReport {
            api_version: "labctl/v1".to_owned(),
            kind: "RunReport".to_owned(),
            lab: Lab { name: lab.name.clone(), title: lab.title.clone(), parameters: lab.parameters.clone() },
            run: Run {
                id: lab.run.clone(),
                cluster: lab.cluster.clone(),
                labctl: env!("CARGO_PKG_VERSION").to_owned(),
                started: lab.started,
                duration_ms: milliseconds(ended.took),
                verdict: ended.verdict,
                exit_code: ended.verdict.exit_code(),
            },
            score: Score {
                points: self.steps.iter().map(|step| step.points).sum(),
                worth: lab.steps.iter().map(|step| step.points).sum(),
                steps_passed: self.steps.iter().filter(passed).count(),
                steps: lab.steps.len(),
            },
            steps: self.steps.clone(),
            not_run: lab.steps.iter().map(|step| step.name.clone()).filter(|name| !reached(name)).collect(),
            problem: ended.problem.clone(),
            leftovers: ended.leftovers.clone(),
            timings: self.timings.clone(),
        })
    }
}

fn timing(part: String, took: Duration) -> Timing {
    Timing { part, duration_ms: milliseconds(took) }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
