//! Startup, readiness and liveness probes of a running container.
//!
//! Until a probe succeeds for the first time it is asked in quick succession: at once, then after pauses that double
//! from 2 ms up to `periodSeconds`. So a container counts as ready within milliseconds of being so, while a real
//! kubelet would notice up to a period later. Failures count against `failureThreshold` at most once a period.

mod check;
mod grpc;
mod tls;

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::{Container as ContainerSpec, Probe};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{context::PodContext, pod_host::Container};
use crate::embedded::events::Severity;

/// The first pause between two questions before the first success.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// A container that must be restarted.
#[derive(Debug)]
pub(super) struct Unhealthy {
    /// Which probe said so.
    pub(super) probe: &'static str,
    /// How long it may take to end, if the probe says so.
    pub(super) grace: Option<Duration>,
}

/// Asks the probes of one run of a container.
pub(super) struct Prober {
    pub(super) context: Arc<PodContext>,
    pub(super) container: Arc<Container>,
    pub(super) spec: ContainerSpec,
    pub(super) index: usize,
    pub(super) field: String,
}

/// The two ways to ask: until the first success in quick succession, or evenly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pace {
    Even,
    Quick,
}

impl Prober {
    /// Asks until the container must be restarted; for ever if it need not be.
    pub(super) async fn run(&self) -> Unhealthy {
        if let Some(probe) = &self.spec.startup_probe {
            if let Err(unhealthy) = self.startup(probe).await {
                return unhealthy;
            }
            let ready = self.spec.readiness_probe.is_none();
            self.context.live.update_container(self.index, |state| (state.started, state.ready) = (true, ready));
        }
        let readiness = async {
            if let Some(probe) = &self.spec.readiness_probe {
                self.readiness(probe).await;
            }
            std::future::pending().await
        };
        let liveness = async {
            match &self.spec.liveness_probe {
                Some(probe) => self.liveness(probe).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            unhealthy = liveness => unhealthy,
            unhealthy = readiness => unhealthy,
        }
    }

    async fn startup(&self, probe: &Probe) -> Result<(), Unhealthy> {
        let mut rhythm = Rhythm::start(probe, Pace::Quick).await;
        let mut failures = 0;
        loop {
            match self.ask("Startup", probe, &rhythm).await {
                true => return Ok(()),
                false if rhythm.counts() => failures += 1,
                false => {}
            }
            if failures >= threshold(probe.failure_threshold, 3) {
                return Err(unhealthy("startup", probe));
            }
            rhythm.next().await;
        }
    }

    async fn readiness(&self, probe: &Probe) {
        let mut rhythm = Rhythm::start(probe, Pace::Quick).await;
        let (mut ready, mut run) = (false, 0);
        loop {
            let answer = self.ask("Readiness", probe, &rhythm).await;
            run = if answer == ready { 0 } else { run + 1 };
            let needed =
                if ready { threshold(probe.failure_threshold, 3) } else { threshold(probe.success_threshold, 1) };
            if run >= needed {
                (ready, run) = (answer, 0);
                self.context.live.update_container(self.index, |state| state.ready = ready);
            }
            if answer {
                rhythm.settle();
            }
            rhythm.next().await;
        }
    }

    async fn liveness(&self, probe: &Probe) -> Unhealthy {
        let mut rhythm = Rhythm::start(probe, Pace::Even).await;
        let mut failures = 0;
        loop {
            failures = if self.ask("Liveness", probe, &rhythm).await { 0 } else { failures + 1 };
            if failures >= threshold(probe.failure_threshold, 3) {
                return unhealthy("liveness", probe);
            }
            rhythm.next().await;
        }
    }

    /// Asks once; a failure that counts becomes an event.
    async fn ask(&self, kind: &str, probe: &Probe, rhythm: &Rhythm) -> bool {
        let limit = seconds(probe.timeout_seconds, 1);
        let answer = timeout(limit, self.check(probe)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("command timed out after {}s", limit.as_secs())));
        match answer {
            Ok(()) => true,
            Err(message) => {
                if rhythm.counts() {
                    let about = (&*self.context.pod, &*self.field);
                    let text = format!("{kind} probe failed: {message}");
                    self.context.node.recorder.container(about, Severity::Warning, "Unhealthy", text);
                }
                false
            }
        }
    }
}

/// When to ask next.
struct Rhythm {
    period: Duration,
    pause: Duration,
    /// When the current period ends: a failure before that is not worth mentioning.
    period_ends: Instant,
}

impl Rhythm {
    async fn start(probe: &Probe, pace: Pace) -> Self {
        sleep(seconds(probe.initial_delay_seconds, 0)).await;
        let period = seconds(probe.period_seconds, 10);
        let (pause, period_ends) = match pace {
            Pace::Even => (period, Instant::now()),
            Pace::Quick => (FIRST_PAUSE.min(period), Instant::now() + period),
        };
        Self { period, pause, period_ends }
    }

    fn counts(&self) -> bool {
        Instant::now() >= self.period_ends
    }

    /// From now on once a period.
    fn settle(&mut self) {
        (self.pause, self.period_ends) = (self.period, Instant::now());
    }

    async fn next(&mut self) {
        let counted = self.counts();
        sleep_until(Instant::now() + self.pause).await;
        if self.pause < self.period {
            self.pause = (self.pause * 2).min(self.period);
            if counted {
                self.period_ends = Instant::now() + self.period;
            }
        }
    }
}

fn seconds(value: Option<i32>, default: u64) -> Duration {
    Duration::from_secs(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(default))
}

fn threshold(value: Option<i32>, default: i32) -> i32 {
    value.unwrap_or(default).max(1)
}

fn unhealthy(kind: &'static str, probe: &Probe) -> Unhealthy {
    let grace = probe.termination_grace_period_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Unhealthy { probe: kind, grace: grace.map(Duration::from_secs) }
}
