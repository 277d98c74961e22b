//! Runs a reconcile function for the keys it is given: each key once at a time, again if it was asked for meanwhile,
//! later if it failed or asked for it.

use std::{collections::HashMap, fmt::Debug, hash::Hash, time::Duration};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// The pauses after failures: the first, doubled up to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(10));

/// What a turn of a controller ends with: nothing more to do, or another look after some time.
pub(super) type Outcome = kube::Result<Option<Duration>>;

/// Where keys are put in.
pub(super) type Keys<K> = UnboundedSender<K>;

/// A queue for one controller.
pub(super) struct Queue<K> {
    keys: UnboundedReceiver<K>,
    states: HashMap<K, State>,
    running: JoinSet<(K, Outcome)>,
    timers: JoinSet<(K, u64)>,
    /// Numbers the timers, so that one that was overtaken is recognised.
    last_timer: u64,
}

/// What is known about a key.
#[derive(Debug, Default)]
struct State {
    running: bool,
    again: bool,
    failures: u32,
    timer: u64,
}

impl<K: Clone + Debug + Eq + Hash + Send + 'static> Queue<K> {
    /// An empty queue.
    pub(super) fn new() -> (Keys<K>, Self) {
        let (sender, keys) = unbounded_channel();
        let queue =
            Self { keys, states: HashMap::new(), running: JoinSet::new(), timers: JoinSet::new(), last_timer: 0 };
        (sender, queue)
    }

    /// Works until the task is dropped; `controller` names it in messages.
    pub(super) async fn run<F, Fut>(mut self, controller: &'static str, reconcile: F)
    where
        F: Fn(K) -> Fut,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        loop {
            tokio::select! {
                Some(key) = self.keys.recv() => self.request(key, &reconcile),
                Some(Ok((key, outcome))) = self.running.join_next() => self.done(controller, key, outcome, &reconcile),
                Some(Ok((key, timer))) = self.timers.join_next() => {
                    // A turn that was asked for by something else has made the timer superfluous.
                    if self.states.get(&key).is_some_and(|state| state.timer == timer) {
                        self.request(key, &reconcile);
                    }
                }
                else => return,
            }
        }
    }

    fn request<F, Fut>(&mut self, key: K, reconcile: &F)
    where
        F: Fn(K) -> Fut,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        let state = self.states.entry(key.clone()).or_default();
        if state.running {
            state.again = true;
            return;
        }
        (state.running, state.again, state.timer) = (true, false, 0);
        let turn = reconcile(key.clone());
        self.running.spawn(async move { (key, turn.await) });
    }

    fn done<F, Fut>(&mut self, controller: &'static str, key: K, outcome: Outcome, reconcile: &F)
    where
        F: Fn(K) -> Fut,
        Fut: Future<Output = Outcome> + Send + 'static,
    {
        let state = self.states.entry(key.clone()).or_default();
        state.running = false;
        let pause = match outcome {
            Ok(pause) => {
                state.failures = 0;
                pause
            }
            Err(error) => {
                tracing::debug!(%error, controller, ?key, "will be tried again");
                state.failures += 1;
                let (first, longest) = PAUSES;
                Some((first * 2_u32.saturating_pow(state.failures - 1)).min(longest))
            }
        };
        let failed = state.failures > 0;
        match pause {
            // After a failure even a fresh request waits for its pause, or a refusal would be repeated in a circle.
            _ if state.again && !failed => self.request(key, reconcile),
            Some(pause) => {
                self.last_timer += 1;
                (state.timer, state.again) = (self.last_timer, false);
                let timer = self.last_timer;
                let until = Instant::now() + pause;
                self.timers.spawn(async move {
                    sleep_until(until).await;
                    (key, timer)
                });
            }
            None => drop(self.states.remove(&key)),
        }
    }
}
