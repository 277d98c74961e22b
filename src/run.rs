//! Walks a lab: starts what it needs, does the steps, asks, grades, and cleans up whatever happens.
//!
//! It emits [`event::Event`]s and does not know how they are shown.

mod act;
mod certificate;
mod clash;
pub mod context;
mod edge;
pub mod event;
pub mod keep;
pub mod mesh;
pub mod result;
mod rights;
mod step;
pub mod test;

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::{Cluster, Connection, Patience, RunId, Target, connect},
    lab::model::{Lab, MeshNeeds},
    probe::judge::Outcome,
};
use context::Context;
use event::{Event, Events, Phase};
use mesh::{Chosen, Mesh};
use result::{Ended, LabInfo, Leftover, Problem, StepResult, Verdict};

/// How long cleaning up may take at least, however the run went.
const CLEANUP: Duration = Duration::from_secs(60);

/// What a person asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// On which cluster.
    pub target: Target,
    /// In which mesh.
    pub mesh: Mesh,
    /// How long the mesh, the setup and each step may take.
    pub deadline: Duration,
    /// Whether the lab stays up after its last step until somebody interrupts.
    pub keep: bool,
}

/// How somebody ends a run early.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    /// Stop what you do and clean up.
    pub stop: CancellationToken,
    /// Stop cleaning up as well.
    pub give_up: CancellationToken,
}

/// Runs a lab from a cluster's start to its end.
pub async fn run(lab: &Lab, options: &Options, events: Events, interrupt: &Interrupt) -> Ended {
    let began = Instant::now();
    let id = RunId::random();
    events.emit(Event::Started(LabInfo::new(lab, id.to_string(), &options.target)));
    let cluster = |client| Cluster::new(client, id).of_lab(&lab.metadata.name);
    let reached = reach(options, lab.metadata.mesh, cluster, &events, interrupt);
    let (mut walked, leftovers, touched) = match reached.await {
        Err(walked) => (walked, Vec::new(), false),
        Ok((connection, cluster, mesh)) => {
            mesh.notice.iter().for_each(|text| events.emit(Event::Noticed { text: text.clone() }));
            let context = Context::new(lab, cluster, mesh, options, events.clone());
            // The walk comes first: ended by an interrupt while it only keeps the lab up, it still has its grade.
            let walked = tokio::select! {
                biased;
                walked = walk(&context, &connection, options, interrupt) => walked,
                () = interrupt.stop.cancelled() => Walked::interrupted(),
            };
            let leftovers = clean(&context, &events, interrupt).await;
            let touched = context.cluster.is_touched();
            connection.close().await;
            (walked, leftovers, touched)
        }
    };
    if !leftovers.is_empty() && walked.verdict == Verdict::Passed {
        let given_up = interrupt.give_up.is_cancelled();
        walked.verdict = if given_up { Verdict::Interrupted } else { Verdict::Problem };
    }
    let cleaned = touched && leftovers.is_empty();
    let ended = Ended { verdict: walked.verdict, problem: walked.problem, leftovers, cleaned, took: began.elapsed() };
    events.emit(Event::Ended(ended.clone()));
    ended
}

/// How far the walk came.
struct Walked {
    verdict: Verdict,
    problem: Option<Problem>,
}

impl Walked {
    fn interrupted() -> Self {
        Self { verdict: Verdict::Interrupted, problem: None }
    }

    /// Ended by something that is no answer to a check.
    fn stopped(problem: Problem) -> Self {
        let verdict = if problem.late { Verdict::Inconclusive } else { Verdict::Problem };
        Self { verdict, problem: Some(problem) }
    }
}

/// Reaches the cluster and finds out about its mesh.
async fn reach(
    options: &Options,
    needs: MeshNeeds,
    cluster: impl FnOnce(kube::Client) -> Cluster,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<(Connection, Cluster, Chosen), Walked> {
    let reached = phase(events, Phase::Cluster, async {
        let connection = connect(&options.target).await.map_err(Problem::from)?;
        let cluster = cluster(connection.client());
        match mesh::choose(&cluster, &options.mesh, needs).await {
            Ok(mesh) => Ok((connection, cluster, mesh)),
            Err(error) => {
                connection.close().await;
                Err(Problem::from(error))
            }
        }
    });
    tokio::select! {
        reached = reached => reached.map_err(Walked::stopped),
        () = interrupt.stop.cancelled() => Err(Walked::interrupted()),
    }
}

async fn walk(context: &Context<'_>, connection: &Connection, options: &Options, interrupt: &Interrupt) -> Walked {
    if let Err(problem) = prepare(context).await {
        return Walked::stopped(problem);
    }
    let mut results: Vec<StepResult> = Vec::new();
    for (index, step) in context.lab.steps.iter().enumerate() {
        let result = context.step(index, step).await;
        let stop = result.problem.is_some();
        results.push(result);
        if stop {
            break;
        }
    }
    if options.keep
        && let Err(error) = keep::keep(context, connection.kubeconfig(), interrupt).await
    {
        return Walked::stopped(Problem::new(format!("cannot keep the lab up: {error}")));
    }
    Walked { verdict: verdict(&results), problem: None }
}

/// Everything before the first step. Nothing is touched unless everything that the lab will create is free.
async fn prepare(context: &Context<'_>) -> Result<(), Problem> {
    let mesh = phase(&context.events, Phase::Mesh, async {
        let mesh = context.mesh.manifests.clone();
        let objects: Result<Vec<_>, Problem> = context.lab.objects().map(act::dynamic).collect();
        let all: Vec<_> = mesh.iter().cloned().chain(objects?).collect();
        context.check_rights(&all).await?;
        context.mesh.unseen.clone().map_or(Ok(()), Err)?;
        let free = context.cluster.check_clashes(&all).await;
        free.map_err(|error| context.told_of_clash(error))?;
        if mesh.is_empty() { Ok(()) } else { context.install(mesh, &context.patience()).await }
    });
    mesh.await?;
    if context.lab.setup.is_empty() {
        return Ok(());
    }
    phase(&context.events, Phase::Setup, async {
        let patience = context.patience();
        for group in context.lab.setup.chunk_by(|left, right| act::both_apply(left, right)) {
            context.act_together(group, &patience).await?;
        }
        Ok(context.cluster.until_ready(&patience).await?)
    })
    .await
}

/// The worst of all steps.
fn verdict(results: &[StepResult]) -> Verdict {
    let problems = || results.iter().filter_map(|result| result.problem.as_ref());
    let worst = results.iter().map(|result| result.outcome).max().unwrap_or(Outcome::Pass);
    match worst {
        Outcome::Fail => Verdict::Failed,
        _ if problems().any(|problem| !problem.late) => Verdict::Problem,
        Outcome::Error => Verdict::Inconclusive,
        Outcome::Pass => Verdict::Passed,
    }
}

/// Deletes what the run created. Answers what is left.
async fn clean(context: &Context<'_>, events: &Events, interrupt: &Interrupt) -> Vec<Leftover> {
    let tell = events.clone();
    let patience = Patience::telling(CLEANUP.max(context.deadline), move |text| {
        tell.emit(Event::Waiting { text: text.to_owned() });
    });
    let cleaned = phase(events, Phase::Cleanup, context.cluster.clean(&patience));
    let left = tokio::select! {
        left = cleaned => left,
        () = interrupt.give_up.cancelled() => context.cluster.unfinished("interrupted while cleaning up"),
    };
    left.into_iter().map(|left| Leftover { object: left.object, why: left.why }).collect()
}

/// Emits a phase's beginning and end around `work`.
async fn phase<T>(events: &Events, phase: Phase, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    events.emit(Event::PhaseStarted { phase });
    let done = work.await;
    events.emit(Event::PhaseEnded { phase, took: began.elapsed() });
    done
}
