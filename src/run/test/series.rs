//! One lab proved again and again: what holds every time, what never does, and what is flaky.

use std::{path::PathBuf, time::Duration};

use super::{Proof, StepProof};
use crate::lab::{model::Lab, position::Span};

/// The proofs of one lab.
#[derive(Clone, Debug)]
pub struct Series {
    /// The lab's name.
    pub lab: String,
    /// The lab file, as messages name it.
    pub file: PathBuf,
    /// What came of each run.
    pub runs: Vec<Proof>,
}

impl Series {
    /// Of a lab, without a run.
    pub fn of(lab: &Lab) -> Self {
        Self { lab: lab.metadata.name.clone(), file: lab.file.clone(), runs: Vec::new() }
    }

    /// In how many runs everything held.
    pub fn held(&self) -> usize {
        self.runs.iter().filter(|proof| proof.holds()).count()
    }

    /// Whether everything held in every run.
    pub fn holds(&self) -> bool {
        self.held() == self.runs.len()
    }

    /// How long all runs took together.
    pub fn took(&self) -> Duration {
        self.runs.iter().map(|proof| proof.took).sum()
    }

    /// The gravest of all runs; see [`Proof::exit_code`].
    pub fn exit_code(&self) -> u8 {
        self.runs.iter().map(Proof::exit_code).max().unwrap_or_default()
    }

    /// The steps that at least one run reached, in the order of the lab.
    pub fn steps(&self) -> Vec<StepSeries<'_>> {
        let mut steps: Vec<StepSeries<'_>> = Vec::new();
        for proof in self.runs.iter().flat_map(|run| &run.steps) {
            match steps.iter_mut().find(|step| step.name == proof.name) {
                Some(step) => step.proofs.push(proof),
                None => steps.push(StepSeries { name: &proof.name, at: proof.at, proofs: vec![proof] }),
            }
        }
        steps.sort_by_key(|step| step.at.offset);
        steps
    }
}

/// A step in all the runs that reached it.
#[derive(Clone, Debug)]
pub struct StepSeries<'a> {
    /// Unique in the lab.
    pub name: &'a str,
    /// Where it stands in the lab file.
    pub at: Span,
    /// What is known of it, run by run; at least one.
    pub proofs: Vec<&'a StepProof>,
}

impl StepSeries<'_> {
    /// In how many runs it held.
    pub fn held(&self) -> usize {
        self.proofs.iter().filter(|proof| proof.holds() && proof.survivors().next().is_none()).count()
    }

    /// How many runs reached it.
    pub fn reached(&self) -> usize {
        self.proofs.len()
    }

    /// Whether it held in some runs, and not in others.
    pub fn is_flaky(&self) -> bool {
        (1..self.reached()).contains(&self.held())
    }

    /// How long it took on average.
    pub fn took(&self) -> Duration {
        let all: Duration = self.proofs.iter().map(|proof| proof.took).sum();
        all / u32::try_from(self.reached()).unwrap_or(u32::MAX).max(1)
    }
}
