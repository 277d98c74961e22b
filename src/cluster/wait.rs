//! Waiting for a state of the cluster, by watching it.

use std::{collections::BTreeMap, fmt::Debug, pin::pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt};
use kube::{
    Api, Resource,
    core::ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{ClusterError, error::told, steady::silence};

/// How often whoever waits is told what for, if nothing changes meanwhile.
const REMINDER: Duration = Duration::from_secs(5);

/// How long to wait, and whom to tell what is still missing.
#[derive(Clone)]
pub struct Patience {
    /// When to give up.
    pub deadline: Instant,
    tell: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Patience {
    /// Waits this long and tells nobody.
    pub fn silent(lasting: Duration) -> Self {
        Self { deadline: Instant::now() + lasting, tell: Arc::new(|_| ()) }
    }

    /// Waits this long and calls `tell` with what is missing, whenever that changes and every few seconds.
    pub fn telling(lasting: Duration, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { deadline: Instant::now() + lasting, tell: Arc::new(tell) }
    }

    /// Tells what is waited for.
    pub fn tell(&self, waiting_for: &str) {
        (self.tell)(waiting_for);
    }

    /// What is left until the deadline.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// What a condition says about a state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Progress<T> {
    /// It holds.
    Done(T),
    /// It does not hold, and waiting will not change that.
    Hopeless(String),
    /// It does not hold yet; this is missing.
    Waiting(String),
}

/// Everything a watch matches, by namespace and name.
pub type State<K> = BTreeMap<(Option<String>, String), K>;

/// Watches until `condition` holds, asking it about the whole state after every change.
///
/// A condition is a closure from the objects that match to [`Progress`].
///
/// # Errors
/// [`ClusterError::Late`] after the deadline, with what was missing last; [`ClusterError::Hopeless`] if the condition
/// says so.
pub async fn until<K, T>(
    api: Api<K>,
    config: watcher::Config,
    waiting_for: &str,
    patience: &Patience,
    condition: impl FnMut(&State<K>) -> Progress<T>,
) -> Result<T, ClusterError>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let events = watcher::watcher(api, config).default_backoff();
    settle(events, waiting_for, patience, condition).await
}

/// Follows `events` until `condition` holds.
async fn settle<K, T>(
    events: impl Stream<Item = Result<watcher::Event<K>, watcher::Error>>,
    waiting_for: &str,
    patience: &Patience,
    mut condition: impl FnMut(&State<K>) -> Progress<T>,
) -> Result<T, ClusterError>
where
    K: Resource + Clone,
{
    let mut events = pin!(events);
    let mut state = State::new();
    let mut missing = "the cluster has not answered yet".to_owned();
    patience.tell(waiting_for);
    loop {
        let reminder = Instant::now() + REMINDER;
        let Ok(event) = tokio::time::timeout_at(patience.deadline.min(reminder), events.next()).await else {
            if reminder < patience.deadline {
                patience.tell(&format!("{waiting_for}: {missing}"));
                continue;
            }
            return Err(ClusterError::Late { waiting_for: waiting_for.to_owned(), why: missing });
        };
        match event {
            Some(Ok(event)) => {
                if !take(&mut state, event) {
                    continue;
                }
            }
            Some(Err(error)) => {
                if let Some(silence) = failure(&error).and_then(silence) {
                    let doing = format!("watch for {waiting_for}");
                    return Err(ClusterError::Lost { doing, why: silence.to_string() });
                }
                missing = watch_failed(&error);
                continue;
            }
            None => return Err(ClusterError::Late { waiting_for: waiting_for.to_owned(), why: missing }),
        }
        match condition(&state) {
            Progress::Done(value) => return Ok(value),
            Progress::Hopeless(why) => {
                return Err(ClusterError::Hopeless { waiting_for: waiting_for.to_owned(), why });
            }
            Progress::Waiting(why) => {
                if why != missing {
                    patience.tell(&format!("{waiting_for}: {why}"));
                }
                missing = why;
            }
        }
    }
}

/// Brings `state` up to date; answers whether it is complete, which it is not while a list is still coming in.
fn take<K: Resource>(state: &mut State<K>, event: watcher::Event<K>) -> bool {
    let key = |object: &K| (object.namespace(), object.name_any());
    match event {
        watcher::Event::Init => {
            state.clear();
            false
        }
        watcher::Event::InitApply(object) => {
            state.insert(key(&object), object);
            false
        }
        watcher::Event::InitDone => true,
        watcher::Event::Apply(object) => {
            state.insert(key(&object), object);
            true
        }
        watcher::Event::Delete(object) => {
            state.remove(&key(&object));
            true
        }
    }
}

/// The failed request behind a watch's error, if it was one.
fn failure(error: &watcher::Error) -> Option<&kube::Error> {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Some(error),
        watcher::Error::NoResourceVersion | watcher::Error::WatchError(_) => None,
    }
}

fn watch_failed(error: &watcher::Error) -> String {
    let why = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => told(error),
        watcher::Error::WatchError(status) => status.message.clone(),
        watcher::Error::NoResourceVersion => "the answer has no resourceVersion".to_owned(),
    };
    format!("the watch fails: {why}")
}

/// A watch on the one object of this name.
pub fn named(name: &str) -> watcher::Config {
    watcher::Config::default().fields(&format!("metadata.name={name}"))
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use k8s_openapi::api::core::v1::Namespace;

    use super::*;

    fn namespace(name: &str) -> Namespace {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        namespace
    }

    fn two_then(
        last: watcher::Event<Namespace>,
    ) -> impl Stream<Item = Result<watcher::Event<Namespace>, watcher::Error>> {
        use watcher::Event::{Init, InitApply, InitDone};
        let events = [Init, InitApply(namespace("bar")), InitApply(namespace("foo")), InitDone, last];
        stream::iter(events).map(Ok).chain(stream::pending())
    }

    fn gone(state: &State<Namespace>) -> Progress<usize> {
        if state.contains_key(&(None, "foo".to_owned())) {
            Progress::Waiting("foo is still there".to_owned())
        } else {
            Progress::Done(state.len())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn holds_once_the_object_is_deleted() {
        let events = two_then(watcher::Event::Delete(namespace("foo")));
        let left = settle(events, "foo to go", &Patience::silent(Duration::from_secs(9)), gone).await;
        assert_eq!(left.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn says_what_was_missing_at_the_deadline() {
        let events = two_then(watcher::Event::Apply(namespace("foo")));
        let late = settle(events, "foo to go", &Patience::silent(Duration::from_secs(9)), gone).await.unwrap_err();
        insta::assert_snapshot!(late, @"gave up waiting for foo to go: foo is still there");
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_wait_for_what_cannot_come() {
        let events = two_then(watcher::Event::Apply(namespace("foo")));
        let never = |_: &State<Namespace>| Progress::<()>::Hopeless("it is protected".to_owned());
        let error = settle(events, "foo to go", &Patience::silent(Duration::from_secs(9)), never).await.unwrap_err();
        insta::assert_snapshot!(error, @"foo to go: it is protected");
    }
}
