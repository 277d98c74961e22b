//! What the node knows about the containers of one pod while they run. `status` turns it into what Kubernetes shows.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container as ContainerSpec, Pod};
use tokio::sync::watch;

use super::{logs::ContainerLog, pod_host::Container, sync::lock};

/// The part a container plays in its pod.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// Runs for the life of the pod.
    App,
    /// Runs to its end before the next container starts.
    Init,
    /// An init container with `restartPolicy: Always`: starts in its turn, then runs for the life of the pod.
    Sidecar,
}

/// What a container is doing.
#[derive(Clone, Debug)]
pub(super) enum Activity {
    /// It runs.
    Running { since: Timestamp },
    /// It ended, and nothing is under way to start it again.
    Terminated(Ended),
    /// It is about to start, or can't.
    Waiting { reason: &'static str, message: Option<String> },
}

/// How a run of a container ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) exit_code: i32,
    pub(super) reason: &'static str,
    pub(super) message: Option<String>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Timestamp,
    pub(super) id: String,
}

/// One container.
#[derive(Clone, Debug)]
pub(super) struct ContainerState {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) role: Role,
    pub(super) activity: Activity,
    /// How the run before ended.
    pub(super) last: Option<Ended>,
    pub(super) restarts: i32,
    /// Whether its startup probe has passed.
    pub(super) started: bool,
    /// Whether its readiness probe passes.
    pub(super) ready: bool,
    /// Names the present run.
    pub(super) id: Option<String>,
    pub(super) log: Option<Arc<ContainerLog>>,
    pub(super) previous_log: Option<Arc<ContainerLog>>,
    /// What `exec` joins; only while it runs.
    pub(super) running: Option<Arc<Container>>,
}

impl ContainerState {
    fn new(spec: &ContainerSpec, role: Role, reason: &'static str) -> Self {
        Self {
            name: spec.name.clone(),
            image: spec.image.clone().unwrap_or_default(),
            role,
            activity: Activity::Waiting { reason, message: None },
            last: None,
            restarts: 0,
            started: false,
            ready: false,
            id: None,
            log: None,
            previous_log: None,
            running: None,
        }
    }

    /// Whether it ended well, for good.
    pub(super) fn succeeded(&self) -> bool {
        matches!(&self.activity, Activity::Terminated(ended) if ended.exit_code == 0)
    }
}

/// All that is known about a pod.
#[derive(Clone, Debug, Default)]
pub(super) struct PodState {
    /// When the node took the pod.
    pub(super) started_at: Option<Timestamp>,
    /// Its address, as long as it has one or last had one.
    pub(super) address: Option<Ipv4Addr>,
    /// Init containers first, in the order of the pod's description.
    pub(super) containers: Vec<ContainerState>,
}

/// The state of a pod as it changes.
#[derive(Debug)]
pub(super) struct LiveState {
    state: Mutex<PodState>,
    changed: watch::Sender<()>,
}

impl LiveState {
    /// A pod that the node has just taken.
    pub(super) fn new(pod: &Pod) -> Self {
        let spec = pod.spec.as_ref();
        let inits = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
        let apps = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
        let reason = if inits.is_empty() { "ContainerCreating" } else { "PodInitializing" };
        let containers = inits.iter().map(|spec| ContainerState::new(spec, role_of_init(spec), reason));
        let apps = apps.iter().map(|spec| ContainerState::new(spec, Role::App, reason));
        let state = PodState {
            started_at: Some(Timestamp::now()),
            address: None,
            containers: containers.chain(apps).collect(),
        };
        Self { state: Mutex::new(state), changed: watch::Sender::new(()) }
    }

    /// Looks at the state.
    pub(super) fn with<T>(&self, look: impl FnOnce(&PodState) -> T) -> T {
        look(&lock(&self.state))
    }

    /// Changes the state and tells everyone.
    pub(super) fn update(&self, change: impl FnOnce(&mut PodState)) {
        change(&mut lock(&self.state));
        self.changed.send_replace(());
    }

    /// Changes one container and tells everyone.
    pub(super) fn update_container(&self, index: usize, change: impl FnOnce(&mut ContainerState)) {
        self.update(|state| change(&mut state.containers[index]));
    }

    /// Follows the changes.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits until `condition` holds.
    pub(super) async fn wait_for(&self, condition: impl Fn(&PodState) -> bool) {
        let mut changes = self.changes();
        while !self.with(&condition) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

/// The part that an init container plays.
pub(super) fn role_of_init(spec: &ContainerSpec) -> Role {
    if spec.restart_policy.as_deref() == Some("Always") { Role::Sidecar } else { Role::Init }
}
