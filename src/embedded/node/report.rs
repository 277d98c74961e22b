//! Writes the status of a pod: promptly, and only what has changed. Changes during a write go into the next one.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::sync::watch;

use super::{context::PodContext, status::pod_status};

/// How long to wait before a failed write is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Reports on one pod.
pub(super) struct Reporter {
    context: Arc<PodContext>,
    latest: watch::Receiver<Arc<Pod>>,
    pods: Api<Pod>,
    written: Option<PodStatus>,
}

impl Reporter {
    pub(super) fn new(context: Arc<PodContext>, latest: watch::Receiver<Arc<Pod>>) -> Self {
        let pods = Api::namespaced(context.node.client.clone(), &context.pod.namespace().unwrap_or_default());
        Self { context, latest, pods, written: None }
    }

    /// Reports every change; ends when the pod is gone.
    pub(super) async fn run(&mut self) {
        let mut changes = self.context.live.changes();
        while self.report().await {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                changed = self.latest.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Writes the status as it is now, unless that is what was written last; `false` if the pod is gone.
    pub(super) async fn report(&mut self) -> bool {
        // Containers that start together show up in one write.
        tokio::task::yield_now().await;
        loop {
            let status = self.status();
            if self.written.as_ref() == Some(&status) {
                return true;
            }
            let pod = &self.context.pod;
            // The identity makes sure that a new pod of the same name does not get the status of the old one.
            let patch = json!({"metadata": {"uid": pod.uid()}, "status": status});
            match self.pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await {
                Ok(_) => self.written = Some(status),
                Err(kube::Error::Api(answer)) if matches!(answer.code, 404 | 409 | 422) => return false,
                Err(error) => {
                    tracing::warn!(%error, pod = pod.name_any(), "could not write the status");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    fn status(&mut self) -> PodStatus {
        let mut pod = Pod::clone(&self.latest.borrow_and_update());
        // Our own last word is newer than what has come back so far; conditions of others come from the object.
        if let Some(written) = &self.written {
            let theirs = pod.status.get_or_insert_default().conditions.get_or_insert_default();
            let ours = written.conditions.iter().flatten();
            for own in ours {
                match theirs.iter_mut().find(|other| other.type_ == own.type_) {
                    Some(other) if super::status::is_own(&own.type_) => *other = own.clone(),
                    Some(_) => {}
                    None => theirs.push(own.clone()),
                }
            }
        }
        self.context.live.with(|state| pod_status(&pod, state, Timestamp::now()))
    }
}
