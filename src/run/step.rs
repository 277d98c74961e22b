//! One step: do, wait until it is in effect, ask, grade.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    act::{both_apply, changes_pods, told},
    context::Context,
    event::Event,
    mesh::Distribution,
    result::{Problem, StepResult},
};
use crate::{
    cluster::{ClusterError, Patience},
    lab::{action::Action, check::Check, model::Step, position::Located},
    probe::{self, judge::Outcome, result::CheckResult},
};

/// The pause before what is red is asked again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Context<'_> {
    /// Does and grades the step at `index`.
    pub async fn step(&self, index: usize, step: &Step) -> StepResult {
        let began = Instant::now();
        self.events.emit(Event::StepStarted { step: index });
        let patience = self.patience();
        let mut problem = self.solve(index, &step.solve, &patience).await.err();
        let mut checks = Vec::new();
        if problem.is_none() {
            (checks, problem) = self.settle(index, &step.expect, &patience).await;
        }
        let worst = checks.iter().map(|check| check.outcome).max().unwrap_or(Outcome::Error);
        let outcome = if problem.is_some() { Outcome::Error } else { worst };
        let result = StepResult {
            name: step.name.value.clone(),
            title: step.title.clone(),
            outcome,
            points: if outcome == Outcome::Pass { step.points } else { 0 },
            worth: step.points,
            took: began.elapsed(),
            problem,
            checks,
        };
        self.events.emit(Event::StepEnded { step: index, result: result.clone() });
        result
    }

    /// Does the actions, each when the pods of those before it are ready, and waits until proxies have followed.
    async fn solve(&self, index: usize, actions: &[Located<Action>], patience: &Patience) -> Result<(), Problem> {
        for group in actions.chunk_by(|left, right| both_apply(left, right)) {
            group.iter().for_each(|action| self.events.emit(Event::Acting { step: index, action: told(action) }));
            self.act_together(group, patience).await?;
            // As for somebody who does one thing after the other: a pod that comes before a label is not of it.
            if group.iter().any(|action| changes_pods(action)) {
                self.cluster.until_ready(patience).await?;
            }
        }
        self.until_distributed(patience).await
    }

    /// Asks all checks until all are green, or the deadline has passed: as a rule only those again that are red.
    ///
    /// Where proxies do not tell what they work with, one that is green may be so because of the policy of before: then
    /// all are asked in each round, and two rounds must be green. Answers what was seen, and the problem if the cluster
    /// is lost meanwhile.
    async fn settle(
        &self,
        index: usize,
        checks: &[Located<Check>],
        patience: &Patience,
    ) -> (Vec<CheckResult>, Option<Problem>) {
        let mut results: Vec<Option<CheckResult>> = vec![None; checks.len()];
        let mut pause = FIRST_PAUSE;
        let untold = self.mesh.distribution == Distribution::Untold;
        let mut wanted = if untold { 2 } else { 1 };
        loop {
            if untold {
                results.iter_mut().for_each(|result| *result = None);
            }
            let scene = match self.prober().scene().await {
                Err(lost @ ClusterError::Lost { .. }) => {
                    return (results.into_iter().flatten().collect(), Some(lost.into()));
                }
                other => other,
            };
            for (place, check) in checks.iter().enumerate() {
                if results[place].as_ref().is_some_and(|result| result.outcome == Outcome::Pass) {
                    continue;
                }
                let result = match &scene {
                    Ok(scene) => self.ask(check, scene, results[place].as_ref()).await,
                    Err(error) => unasked(check, &error.to_string()),
                };
                self.events.emit(Event::Answered { step: index, check: place, result: result.clone() });
                results[place] = Some(result);
            }
            let red = results.iter().flatten().any(|result| result.outcome != Outcome::Pass);
            wanted = match (red, untold) {
                (false, _) => wanted - 1,
                (true, true) => 2,
                (true, false) => 1,
            };
            if wanted == 0 || patience.left() < pause {
                return (results.into_iter().flatten().collect(), None);
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Asks one check; of one that was asked before, what is not as expected.
    pub(super) async fn ask(
        &self,
        check: &Check,
        scene: &probe::scene::Scene,
        earlier: Option<&CheckResult>,
    ) -> CheckResult {
        let prober = self.prober();
        match check {
            Check::Certificate(certificate) => probe::certificate::check(&prober, scene, certificate).await,
            Check::Edge(edge) => probe::edge::check(&prober, scene, edge).await,
            Check::Http(http) => probe::http::check(&prober, scene, http).await,
            Check::Logs(logs) => probe::logs::check(&prober, scene, logs).await,
            Check::Matrix(matrix) => probe::matrix::check(&prober, scene, matrix, earlier).await,
            Check::Resource(resource) => probe::resource::check(&self.cluster, resource).await,
            Check::Wire(wire) => probe::wire::check(&prober, scene, wire).await,
        }
    }
}

/// A check that could not even be asked.
fn unasked(check: &Check, why: &str) -> CheckResult {
    let line = probe::result::Line::broken(check.title(), "an answer", why);
    CheckResult::of_lines(check.kind(), check.title(), vec![line])
}
