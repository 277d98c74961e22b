//! Keeping loops of requests going while steps are done.
//!
//! Loops run beside the walk through the lab, in the same task: when that ends, however it ends, so do they. A loop
//! belongs to the solution. While wrong ones are tried out (`labctl test --mutate`), it rests.

use std::{convert::Infallible, time::Duration};

use futures::future::{join_all, pending};
use jiff::Timestamp;
use tokio::{
    sync::{Mutex, MutexGuard, watch},
    time::{Instant, sleep, timeout},
};

use super::{context::Context, mesh::Distribution, result::Problem};
use crate::{
    cluster::Patience,
    lab::{
        check::{
            Check, Http,
            steady::{Asks, Steady},
        },
        model::{Lab, Step},
    },
    probe::{
        http::question,
        result::CheckResult,
        scene::Scene,
        steady::{self, Asked, ENOUGH, Saw, Times},
    },
};

/// The pause between two requests of a loop, which are made one after the other.
const PAUSE: Duration = Duration::from_millis(20);

/// All loops of a lab, and when its steps were done.
pub struct Loops<'a> {
    all: Vec<Loop<'a>>,
    /// One for each step that has begun.
    times: watch::Sender<Vec<Times>>,
}

/// One loop; checks that ask the same since the same step share it.
struct Loop<'a> {
    /// The first check that declares it.
    steady: &'a Steady,
    /// The step in which it begins.
    since: usize,
    /// The last step that judges it.
    until: usize,
    kept: watch::Sender<Kept>,
    /// Held while a request is made, and by whoever wants none to be.
    turn: Mutex<()>,
}

/// What a loop has kept.
#[derive(Default)]
struct Kept {
    /// Its requests from the first one on that was answered.
    record: Vec<Asked>,
    /// Why the last one is not among them, if it is not.
    trouble: Option<String>,
}

impl<'a> Loops<'a> {
    /// The loops that a lab declares; none has begun.
    pub fn of(lab: &'a Lab) -> Self {
        let mut loops = Self { all: Vec::new(), times: watch::Sender::default() };
        for (index, step) in lab.steps.iter().enumerate() {
            for steady in step.expect.iter().filter_map(|check| steady_of(check)) {
                match loops.all.iter_mut().find(|known| known.is_of(steady)) {
                    Some(known) => known.until = index,
                    None => loops.all.push(Loop::new(steady, &lab.steps, index)),
                }
            }
        }
        loops
    }

    /// Lets no loop ask until the answer is dropped.
    pub async fn rest(&self) -> Vec<MutexGuard<'_, ()>> {
        join_all(self.all.iter().map(|each| each.turn.lock())).await
    }

    /// Notes something about the newest step.
    fn note(&self, change: impl Fn(&mut Times)) {
        self.times.send_modify(|all| all.iter_mut().last().into_iter().for_each(change));
    }

    fn is_under_way(&self, step: usize) -> bool {
        self.times.borrow().get(step).is_some_and(|times| !times.ended)
    }
}

fn steady_of(check: &Check) -> Option<&Steady> {
    if let Check::Steady(steady) = check { Some(steady) } else { None }
}

/// Whether two loops ask the same in the same way.
fn ask_alike(one: &Asks, other: &Asks) -> bool {
    let asked = |http: &Http| question(http, &http.from.value, &http.container);
    match (one, other) {
        (Asks::Inside(one), Asks::Inside(other)) => asked(one) == asked(other),
        (Asks::Outside(one), Asks::Outside(other)) => one == other,
        _ => false,
    }
}

impl<'a> Loop<'a> {
    fn new(steady: &'a Steady, steps: &[Step], until: usize) -> Self {
        let since = steps.iter().position(|step| step.name.value == steady.since.value);
        Self {
            steady,
            since: since.expect("loading refuses a loop that begins in no step"),
            until,
            kept: watch::Sender::default(),
            turn: Mutex::default(),
        }
    }

    /// Keeps a request; those before the first that is answered count for nothing.
    fn keep(&self, asked: Asked) {
        self.kept.send_modify(|kept| match (kept.record.is_empty(), asked.saw.told()) {
            (true, Some(told)) => kept.trouble = Some(told.to_owned()),
            _ => {
                kept.record.push(asked);
                kept.trouble = None;
            }
        });
    }

    /// It has not asked often enough in a step.
    fn late(&self, step: &str, since: Instant) -> Problem {
        let kept = self.kept.borrow();
        let trouble = kept.trouble.as_ref().map(|trouble| format!(": {trouble}")).unwrap_or_default();
        let (asks, asked) = (steady::subject(self.steady), kept.since(since));
        let message = format!("the loop `{asks}` has made {asked} of {ENOUGH} requests in step {step}{trouble}");
        Problem { message, hint: None, late: true }
    }

    fn is_of(&self, steady: &Steady) -> bool {
        self.steady.since.value == steady.since.value && ask_alike(&self.steady.request, &steady.request)
    }
}

impl Kept {
    /// How many requests were made since a time.
    fn since(&self, time: Instant) -> usize {
        self.record.iter().rev().take_while(|asked| asked.began >= time).count()
    }
}

impl Context<'_> {
    /// Keeps all loops going.
    pub async fn keep_asking(&self) -> Infallible {
        join_all(self.loops.all.iter().map(|each| self.repeat(each))).await;
        pending().await
    }

    async fn repeat(&self, each: &Loop<'_>) {
        let mut times = self.loops.times.subscribe();
        // That the sender is gone would mean that we are, too.
        let _ = times.wait_for(|times| times.len() > each.since).await;
        let mut scene = None;
        while !times.borrow().get(each.until).is_some_and(|times| times.ended) {
            let turn = each.turn.lock().await;
            let (began, at) = (Instant::now(), Timestamp::now());
            match self.ask_in_loop(each, &mut scene).await {
                Ok(saw) => each.keep(Asked { began, ended: Instant::now(), at, saw }),
                Err(trouble) => each.kept.send_modify(|kept| kept.trouble = Some(trouble)),
            }
            drop(turn);
            sleep(PAUSE).await;
        }
    }

    /// Makes one request. Says why nobody could.
    async fn ask_in_loop(&self, each: &Loop<'_>, known: &mut Option<Scene>) -> Result<Saw, String> {
        match &each.steady.request {
            Asks::Inside(http) => self.ask_from_pod(http, known).await,
            Asks::Outside(outside) => Ok(self.prober().saw_from_outside(outside).await),
        }
    }

    /// Makes one request, from the pod that made the last one if there is one.
    async fn ask_from_pod(&self, http: &Http, known: &mut Option<Scene>) -> Result<Saw, String> {
        let from = &http.from.value;
        let look = async || {
            let scene = Scene::look(&self.cluster, &self.mesh.trust_domain, [self.lab.workload(from)]).await;
            scene.map_err(|error| error.to_string())
        };
        let scene = match known.take() {
            Some(scene) => scene,
            None => look().await?,
        };
        let caller = scene.caller(from)?;
        let saw = self.prober().saw_from(caller, http).await;
        if let Saw::Broken(why) = &saw {
            // A caller that has gone meanwhile could not ask: that says nothing about whom it asks.
            let is_there = look().await?.ready(from).any(|pod| pod.metadata.uid == caller.metadata.uid);
            if !is_there {
                return Err(why.clone());
            }
        }
        *known = Some(scene);
        Ok(saw)
    }

    /// Notes that a step begins.
    pub(super) fn begin(&self) {
        let times = Times { began: Instant::now(), settled: None, ended: false };
        self.loops.times.send_modify(|all| all.push(times));
    }

    /// Notes that the policies of the step that has begun are in effect, where that is known.
    pub(super) fn settled(&self) {
        if self.mesh.distribution == Distribution::Acknowledged {
            self.loops.note(|newest| newest.settled = Some(Instant::now()));
        }
    }

    /// Notes that the step that has begun is graded.
    pub(super) fn end(&self) {
        self.loops.note(|newest| newest.ended = true);
    }

    /// Answers a check of a step: by the record while the step is under way, else by asking once.
    pub(super) async fn steady(&self, step: usize, scene: &Scene, steady: &Steady) -> CheckResult {
        let names: Vec<&str> = self.lab.steps.iter().map(|step| step.name.value.as_str()).collect();
        let known = self.loops.all.iter().find(|each| each.is_of(steady)).filter(|_| self.loops.is_under_way(step));
        let Some(known) = known else { return steady::once(&self.prober(), scene, steady, names[step]).await };
        let (times, kept) = (self.loops.times.borrow(), known.kept.borrow());
        steady::judge(steady::Loop { steady, steps: &names, since: known.since, times: &times, record: &kept.record })
    }

    /// Waits until the loops have seen enough of a step, before it is over.
    pub(super) async fn until_enough(&self, step: usize, patience: &Patience) -> Result<(), Problem> {
        for each in self.loops.all.iter().filter(|each| (each.since..=each.until).contains(&step)) {
            let times = self.loops.times.borrow()[step];
            let since = times.settled.unwrap_or(times.began);
            let mut kept = each.kept.subscribe();
            let enough = kept.wait_for(|kept| kept.since(since) >= ENOUGH);
            if timeout(patience.left(), enough).await.is_err() {
                return Err(each.late(&self.lab.steps[step].name.value, since));
            }
        }
        Ok(())
    }
}
