//! The pods of the node: one task for each, from the moment it is bound to the node until its object is gone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{
    NODE_NAME,
    context::{NodeContext, PodContext},
    pod,
    state::LiveState,
    sync::lock,
    volumes::Volumes,
};
use crate::embedded::informer::{Informer, Key, key_of};

/// The pods that run here, by namespace and name.
#[derive(Default)]
pub(super) struct Pods {
    running: Mutex<HashMap<Key, Running>>,
}

struct Running {
    uid: Option<String>,
    latest: watch::Sender<Arc<Pod>>,
    context: Arc<PodContext>,
    task: AbortOnDropHandle<()>,
}

impl Pods {
    /// The pod of this name.
    pub(super) fn find(&self, namespace: &str, name: &str) -> Option<Arc<PodContext>> {
        let key = (namespace.to_owned(), name.to_owned());
        lock(&self.running).get(&key).map(|running| running.context.clone())
    }

    /// Runs what is bound to the node until the task is dropped.
    pub(super) async fn run(&self, node: Arc<NodeContext>, pods: Informer<Pod>) {
        let mut changes = pods.subscribe();
        while let Some(change) = changes.recv().await {
            let key = key_of(&**change.object());
            match change.after {
                Some(pod) if is_ours(&pod) => self.keep(&node, key, pod),
                _ => drop(self.take(&key)),
            }
        }
    }

    /// Ends all pods at once, and waits until their tasks are gone.
    pub(super) async fn stop(&self) {
        let all: Vec<Running> = lock(&self.running).drain().map(|(_, running)| running).collect();
        for Running { task, .. } in all {
            task.abort();
            // Cancelled, or done at the last moment: gone either way.
            _ = task.await;
        }
    }

    /// Ends a pod at once. The caller drops it, outside of the lock.
    fn take(&self, key: &Key) -> Option<Running> {
        lock(&self.running).remove(key)
    }

    fn keep(&self, node: &Arc<NodeContext>, key: Key, pod: Arc<Pod>) {
        if let Some(running) = lock(&self.running).get(&key)
            && running.uid == pod.uid()
        {
            running.latest.send_replace(pod);
            return;
        }
        // A namesake of another identity is another pod.
        drop(self.take(&key));
        let context = Arc::new(PodContext {
            node: node.clone(),
            pod: pod.clone(),
            live: Arc::new(LiveState::new(&pod)),
            volumes: Volumes::new(&pod),
        });
        let (latest, receiver) = watch::channel(pod.clone());
        let task = AbortOnDropHandle::new(tokio::spawn(pod::run(context.clone(), receiver)));
        let running = Running { uid: pod.uid(), latest, context, task };
        lock(&self.running).insert(key, running);
    }
}

fn is_ours(pod: &Pod) -> bool {
    pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref() == Some(NODE_NAME))
}
