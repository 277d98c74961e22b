//! Proves that a lab is right for the right reason: each step is red before its solution and green after it, nothing is
//! left in the end, and each field of its policies matters to a check.
//!
//! It walks a lab as a run does, on one cluster, and looks more often.

mod mutant;
mod mutate;
mod series;

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

pub use mutant::{Mutant, mutants};
pub use mutate::{Fate, Mutation};
pub use series::{Series, StepSeries};

use super::{
    Interrupt, Options, clean,
    context::Context,
    event::{Event, Events},
    prepare, reach,
    result::{LabInfo, Leftover, Problem},
};
use crate::{
    cluster::{Cluster, ClusterError, RunId},
    lab::{
        check::Check,
        model::Lab,
        position::{Located, Span},
    },
    probe::{judge::Outcome, result::CheckResult},
};

/// What is known of a lab afterwards.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The lab's name.
    pub lab: String,
    /// The steps, as far as they were done.
    pub steps: Vec<StepProof>,
    /// What ended it early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// What could not be cleaned up.
    pub leftovers: Vec<Leftover>,
    /// Whether somebody ended it.
    pub interrupted: bool,
    /// How long it took.
    #[serde(serialize_with = "milliseconds", rename = "durationMs")]
    pub took: Duration,
}

/// What is known of a step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepProof {
    /// Unique in the lab.
    pub name: String,
    /// Where it stands in the lab file.
    #[serde(serialize_with = "line", rename = "line")]
    pub at: Span,
    /// How many checks were red before the solution.
    pub red_before: usize,
    /// How many checks there are.
    pub checks: usize,
    /// The titles of those that were red after the solution.
    pub red_after: Vec<String>,
    /// What kept the solution from being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// What became of each change to its policies; empty unless that was asked for.
    pub mutations: Vec<Mutation>,
    /// How long it took.
    #[serde(serialize_with = "milliseconds", rename = "durationMs")]
    pub took: Duration,
}

impl StepProof {
    /// Whether the step can fail, and does not if it is solved.
    pub fn holds(&self) -> bool {
        self.red_before > 0 && self.red_after.is_empty() && self.problem.is_none()
    }

    /// The changes that no check noticed.
    pub fn survivors(&self) -> impl Iterator<Item = &Mutation> {
        self.mutations.iter().filter(|mutation| matches!(mutation.fate, Fate::Survived { .. }))
    }
}

impl Proof {
    /// Whether everything holds: all steps, all their policies, and that nothing is left.
    pub fn holds(&self) -> bool {
        let steps = self.steps.iter().all(|step| step.holds() && step.survivors().next().is_none());
        steps && self.problem.is_none() && self.leftovers.is_empty() && !self.interrupted
    }

    /// 0 if everything holds, 1 if not, 4 if the cluster did not do what it was asked, 5 after a deadline, 130 if
    /// somebody ended it.
    pub fn exit_code(&self) -> u8 {
        let problems = || self.problem.iter().chain(self.steps.iter().filter_map(|step| step.problem.as_ref()));
        match () {
            () if self.interrupted => 130,
            () if problems().any(|problem| problem.late) => 5,
            () if problems().next().is_some() || !self.leftovers.is_empty() => 4,
            () => u8::from(!self.holds()),
        }
    }
}

/// Proves a lab, on a cluster of its own or on one that is there; with `mutate`, its policies as well.
pub async fn test(lab: &Lab, options: &Options, mutate: bool, events: Events, interrupt: &Interrupt) -> Proof {
    let began = Instant::now();
    let mut proof = Proof {
        lab: lab.metadata.name.clone(),
        steps: Vec::new(),
        problem: None,
        leftovers: Vec::new(),
        interrupted: false,
        took: Duration::ZERO,
    };
    let id = RunId::random();
    events.emit(Event::Started(LabInfo::new(lab, id.to_string(), &options.target)));
    let needs = lab.metadata.mesh;
    let reached =
        reach(options, needs, |client| Cluster::new(client, id).of_lab(&lab.metadata.name), &events, interrupt);
    match reached.await {
        Err(walked) => proof.problem = walked.problem,
        Ok((connection, cluster, mesh)) => {
            let context = Context::new(lab, cluster, mesh, options, events.clone());
            let walked = tokio::select! {
                walked = walk(&context, mutate, &mut proof.steps) => walked,
                () = interrupt.stop.cancelled() => Ok(()),
            };
            proof.problem = walked.err();
            proof.leftovers = clean(&context, &events, interrupt).await;
            connection.close().await;
        }
    }
    proof.interrupted = interrupt.stop.is_cancelled();
    proof.took = began.elapsed();
    proof
}

async fn walk(context: &Context<'_>, mutate: bool, steps: &mut Vec<StepProof>) -> Result<(), Problem> {
    prepare(context).await?;
    for (index, step) in context.lab.steps.iter().enumerate() {
        let began = Instant::now();
        let before = context.look(&step.expect).await?;
        let after = context.step(index, step).await;
        let red = |checks: &[CheckResult]| -> Vec<String> {
            checks.iter().filter(|check| check.outcome != Outcome::Pass).map(|check| check.title.clone()).collect()
        };
        let mut proof = StepProof {
            name: step.name.value.clone(),
            at: step.name.at,
            red_before: red(&before).len(),
            checks: step.expect.len(),
            red_after: red(&after.checks),
            problem: after.problem,
            mutations: Vec::new(),
            took: Duration::ZERO,
        };
        let solved = proof.problem.is_none() && proof.red_after.is_empty();
        let mutated = match mutate && solved {
            true => context.mutate(index, step, &mut proof.mutations).await,
            false => Ok(()),
        };
        proof.took = began.elapsed();
        steps.push(proof);
        mutated?;
        // What comes after a step that was not solved says nothing.
        if !solved {
            break;
        }
    }
    Ok(())
}

impl Context<'_> {
    /// Asks all checks once, whatever the answers.
    async fn look(&self, checks: &[Located<Check>]) -> Result<Vec<CheckResult>, ClusterError> {
        let scene = self.prober().scene().await?;
        let mut results = Vec::with_capacity(checks.len());
        for check in checks {
            results.push(self.ask(check, &scene, None).await);
        }
        Ok(results)
    }
}

fn line<S: serde::Serializer>(at: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    at.line.serialize(serializer)
}

fn milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
