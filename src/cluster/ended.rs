//! Letting go of pods that have ended, while their namespace is on its way out.
//!
//! A node says within a second that a pod's containers have ended, and may take a minute more until it lets the pod
//! go. The namespace waits for that, and looks ever less often.

use std::{convert::Infallible, future::pending};

use futures::{StreamExt, future::join_all};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{
    Api,
    api::{DeleteParams, Preconditions},
    core::ResourceExt,
    runtime::{WatchStreamExt, watcher},
};

use super::Cluster;

impl Cluster {
    /// Takes pods of `namespaces` that were deleted and have ended off the cluster, for as long as it is polled.
    ///
    /// Whoever may not do this has to wait for the node.
    pub(super) async fn release_ended_pods(&self, namespaces: &[&str]) -> Infallible {
        join_all(namespaces.iter().map(|namespace| async move {
            let pods: Api<Pod> = Api::namespaced(self.client(), namespace);
            let seen = watcher::watcher(pods.clone(), watcher::Config::default()).default_backoff();
            let pods = &pods;
            seen.applied_objects()
                .for_each(async |pod| {
                    if let Ok(pod) = pod
                        && has_ended(&pod)
                    {
                        let exactly = Preconditions { uid: pod.uid(), resource_version: None };
                        let now = DeleteParams {
                            grace_period_seconds: Some(0),
                            preconditions: Some(exactly),
                            ..DeleteParams::default()
                        };
                        let _ = pods.delete(&pod.name_any(), &now).await;
                    }
                })
                .await;
        }))
        .await;
        pending().await
    }
}

/// Whether a pod is to go and its node says that none of its containers runs. A node does not start any in such a pod.
fn has_ended(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let containers = || status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    let runs = |container: &ContainerStatus| container.state.as_ref().is_some_and(|state| state.running.is_some());
    pod.metadata.deletion_timestamp.is_some() && containers().next().is_some() && !containers().any(runs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(deleted: bool, init: &serde_json::Value, containers: &serde_json::Value) -> Pod {
        let deleted = deleted.then_some("2026-01-01T00:00:00Z");
        let status = |state: &serde_json::Value| json!([{ "name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state }]);
        serde_json::from_value(json!({
            "metadata": { "name": "p", "deletionTimestamp": deleted },
            "status": { "initContainerStatuses": status(init), "containerStatuses": status(containers) },
        }))
        .unwrap()
    }

    #[test]
    fn only_a_deleted_pod_without_a_running_container_has_ended() {
        let running = json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } });
        let terminated = json!({ "terminated": { "exitCode": 0 } });
        let waiting = json!({ "waiting": { "reason": "PodInitializing" } });
        assert!(has_ended(&pod(true, &terminated, &terminated)));
        // What a node says once it has forgotten the containers.
        assert!(has_ended(&pod(true, &waiting, &waiting)));
        assert!(!has_ended(&pod(true, &terminated, &running)));
        assert!(!has_ended(&pod(true, &running, &waiting)));
        assert!(!has_ended(&pod(false, &terminated, &terminated)));
        assert!(!has_ended(&Pod::default()));
    }
}
