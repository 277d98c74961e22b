//! The life of one pod on the node: volumes, address, init containers, containers, end, deletion.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Preconditions},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    container::Runner,
    context::{Deadline, PodContext, stopped},
    network::PodNetwork,
    report::Reporter,
    sources::Changes,
    state::{PodState, Role},
    volumes,
};

/// The first and the longest pause between two attempts to mount the volumes of a pod. A changed ConfigMap or Secret
/// ends the pause.
const MOUNT_PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(122));

/// Runs one pod until it is deleted; dropping the future kills it.
pub(super) async fn run(context: Arc<PodContext>, mut latest: watch::Receiver<Arc<Pod>>) {
    let stop = watch::Sender::new(None);
    let mut reporter = Reporter::new(context.clone(), latest.clone());
    let asked = async {
        let grace = deletion(&mut latest).await;
        stop.send_replace(Some(Instant::now() + grace));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = live(&context, stop.subscribe()) => {}
        () = asked => {}
        () = reporter.run() => return,
    }
    reporter.report().await;
    tokio::select! {
        _ = deletion(&mut latest) => {}
        () = reporter.run() => return,
    }
    delete(&context).await;
}

/// Waits until somebody deletes the pod; answers how long it may take to end.
async fn deletion(latest: &mut watch::Receiver<Arc<Pod>>) -> Duration {
    let Ok(pod) = latest.wait_for(|pod| pod.metadata.deletion_timestamp.is_some()).await else {
        return std::future::pending().await;
    };
    let seconds = pod.metadata.deletion_grace_period_seconds.unwrap_or(30);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Takes the object away, now that nothing runs any more.
async fn delete(context: &PodContext) {
    let pods: Api<Pod> = Api::namespaced(context.node.client.clone(), &context.pod.namespace().unwrap_or_default());
    let parameters = DeleteParams {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions { uid: context.pod.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    if let Err(error) = pods.delete(&context.pod.name_any(), &parameters).await {
        tracing::debug!(%error, pod = context.pod.name_any(), "the pod was gone before");
    }
}

/// From the first volume to the end of the last container.
async fn live(context: &Arc<PodContext>, deadline: watch::Receiver<Deadline>) {
    let mut changes = context.node.sources.changes();
    let Some(network) = set_up(context, &mut changes, deadline.clone()).await else { return };
    let refresh = refresh(context.clone(), changes, network.address().to_string());
    let _refresh = AbortOnDropHandle::new(tokio::spawn(refresh));
    // Sidecars end after the containers they serve.
    let sidecars_stop = watch::Sender::new(None);
    let mut crew = Crew { context, network, deadline, sidecars_stop, sidecars: JoinSet::new() };
    if crew.initialize().await {
        crew.work().await;
    }
    crew.dismiss().await;
}

/// Mounts the volumes and gives the pod its address; `None` if it is deleted before.
async fn set_up(
    context: &PodContext,
    changes: &mut Changes,
    mut deadline: watch::Receiver<Deadline>,
) -> Option<Arc<PodNetwork>> {
    let matters = |namespace: &str, name: &str| volumes::refers_to(&context.pod, namespace, name);
    let (mut pause, longest) = MOUNT_PAUSES;
    while let Err(failure) = context.volumes.fill(&context.pod, "", &context.node.sources).await {
        context.node.recorder.warning(&*context.pod, "FailedMount", failure.to_string());
        tokio::select! {
            () = changes.next(matters) => {}
            () = sleep(pause) => pause = (pause * 2).min(longest),
            _ = stopped(&mut deadline) => return None,
        }
    }
    let network = context.node.network.join();
    match network {
        Ok(network) => {
            context.live.update(|state| state.address = Some(network.address()));
            Some(network)
        }
        Err(error) => {
            let text = format!("Failed to create pod sandbox: no address is free: {error}");
            context.node.recorder.warning(&*context.pod, "FailedCreatePodSandBox", text);
            stopped(&mut deadline).await;
            None
        }
    }
}

/// Keeps the volumes like their sources, and tokens fresh.
async fn refresh(context: Arc<PodContext>, mut changes: Changes, address: String) {
    let matters = |namespace: &str, name: &str| volumes::refers_to(&context.pod, namespace, name);
    let renewal = volumes::renewal(&context.pod);
    let mut pause = renewal;
    loop {
        let due = async {
            match pause {
                Some(pause) => sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = changes.next(matters) => {}
            () = due => {}
        }
        pause = match context.volumes.fill(&context.pod, &address, &context.node.sources).await {
            // All tokens are new, whatever the occasion was.
            Ok(()) => renewal,
            // A source that went away leaves the last contents in place; tokens must not grow old over it.
            Err(failure) => {
                tracing::debug!(%failure, pod = context.pod.name_any(), "volumes stay as they are");
                Some(MOUNT_PAUSES.1)
            }
        };
    }
}

/// The containers of a pod at work.
struct Crew<'a> {
    context: &'a Arc<PodContext>,
    network: Arc<PodNetwork>,
    deadline: watch::Receiver<Deadline>,
    sidecars_stop: watch::Sender<Deadline>,
    sidecars: JoinSet<()>,
}

impl Crew<'_> {
    /// Runs the init containers one after the other; whether the containers may start.
    async fn initialize(&mut self) -> bool {
        let roles: Vec<Role> = self.context.live.with(|state| state.containers.iter().map(|one| one.role).collect());
        for (index, role) in roles.into_iter().enumerate() {
            let going_on = |state: &PodState| match role {
                Role::App => true,
                Role::Init => state.containers[index].succeeded(),
                Role::Sidecar => state.containers[index].started,
            };
            match role {
                Role::App => continue,
                Role::Init => self.runner(index, role, self.deadline.clone()).run().await,
                Role::Sidecar => {
                    let runner = self.runner(index, role, self.sidecars_stop.subscribe());
                    self.sidecars.spawn(runner.run());
                    let mut deadline = self.deadline.clone();
                    tokio::select! {
                        () = self.context.live.wait_for(going_on) => {}
                        _ = stopped(&mut deadline) => {}
                    }
                }
            }
            if self.deadline.borrow().is_some() || !self.context.live.with(going_on) {
                return false;
            }
        }
        true
    }

    /// Runs the containers until all have ended for good.
    async fn work(&mut self) {
        let count = self.context.live.with(|state| state.containers.len());
        let first = count - self.context.spec().containers.len();
        let runners = (first..count).map(|index| self.runner(index, Role::App, self.deadline.clone()));
        let tasks = runners.map(|runner| AbortOnDropHandle::new(tokio::spawn(runner.run())));
        join_all(tasks.collect::<Vec<_>>()).await;
    }

    /// Ends the sidecars.
    async fn dismiss(&mut self) {
        let deadline = self.deadline.borrow().unwrap_or_else(|| Instant::now() + self.context.grace());
        self.sidecars_stop.send_replace(Some(deadline));
        while self.sidecars.join_next().await.is_some() {}
    }

    fn runner(&self, index: usize, role: Role, deadline: watch::Receiver<Deadline>) -> Runner {
        let spec = self.context.spec();
        let inits = spec.init_containers.as_deref().unwrap_or_default();
        let container = inits.iter().chain(&spec.containers).nth(index).expect("the state follows the description");
        Runner {
            context: self.context.clone(),
            network: self.network.clone(),
            spec: container.clone(),
            index,
            role,
            deadline,
        }
    }
}
