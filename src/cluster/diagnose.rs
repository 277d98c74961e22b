//! Saying why pods are not ready, in the words of the cluster: container states, events, last log lines.

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::{Api, api::ListParams, core::ResourceExt};

use super::{Cluster, exec::ContainerRef, pods};

/// Why the kubelet cannot start a container whatever the time: its image is not to be had.
const DEAD_ENDS: [&str; 4] = ["ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"];
/// How much of a container's log is shown.
const LOG_LINES: i64 = 5;

/// Why a pod can never come up, if it cannot.
pub(super) fn dead_end(pod: &Pod) -> Option<String> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    statuses(pod).find_map(|status| {
        let waiting = status.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref().filter(|reason| DEAD_ENDS.contains(reason))?;
        Some(format!("container {} of pod {}: {reason}", status.name, pods::name(pod)))
    })
}

impl Cluster {
    /// What the pods of a namespace that are not ready say; `None` if all are, or nobody can be asked.
    pub(super) async fn unready(&self, namespace: &str) -> Option<String> {
        let found = self.pods(namespace, &std::collections::BTreeMap::new()).await.ok()?;
        let mut lines = Vec::new();
        for pod in found.iter().filter(|pod| !pods::is_ready(pod)) {
            lines.extend(self.diagnosis(namespace, pod).await);
        }
        (!lines.is_empty()).then(|| lines.iter().map(|line| format!("\n  {line}")).collect())
    }

    async fn diagnosis(&self, namespace: &str, pod: &Pod) -> Vec<String> {
        let mut lines = vec![format!("pod {} is not ready ({})", pods::name(pod), phase(pod))];
        for status in statuses(pod).filter(|status| !status.ready) {
            if let Some(state) = told(status) {
                lines.push(format!("  container {}: {state}", status.name));
            }
            let container =
                ContainerRef { namespace: namespace.to_owned(), pod: pod.name_any(), container: status.name.clone() };
            let log = if started(status) { self.last_lines(&container, LOG_LINES).await.ok() } else { None };
            lines.extend(log.into_iter().flatten().map(|line| format!("    | {line}")));
        }
        lines.extend(self.last_event(namespace, pod).await.map(|event| format!("  last event: {event}")));
        lines
    }

    async fn last_event(&self, namespace: &str, pod: &Pod) -> Option<String> {
        let events: Api<Event> = Api::namespaced(self.client(), namespace);
        let about = ListParams::default().fields(&format!("involvedObject.name={}", pod.name_any()));
        let newest = events.list(&about).await.ok()?.items.into_iter().max_by_key(|event| {
            let seen = event.last_timestamp.as_ref().map(|time| time.0);
            seen.or_else(|| event.event_time.as_ref().map(|time| time.0))
        })?;
        Some(format!("{}: {}", newest.reason.unwrap_or_default(), newest.message.unwrap_or_default()))
    }
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.iter();
    status.flat_map(|status| {
        let first = status.init_container_statuses.iter().flatten();
        // An init container that has done its work is not ready either, and nobody waits for it.
        let first = first.filter(|init| {
            init.state
                .as_ref()
                .is_none_or(|state| state.terminated.as_ref().is_none_or(|terminated| terminated.exit_code != 0))
        });
        first.chain(status.container_statuses.iter().flatten())
    })
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

fn started(status: &ContainerStatus) -> bool {
    status.restart_count > 0
        || status.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some())
}

/// The state of a container that is not ready, with its reason.
fn told(status: &ContainerStatus) -> Option<String> {
    let state = status.state.as_ref()?;
    let with = |reason: Option<&String>, message: Option<&String>| {
        let parts: Vec<&str> = [reason, message].into_iter().flatten().map(String::as_str).collect();
        parts.join(": ")
    };
    if let Some(waiting) = &state.waiting {
        return Some(with(waiting.reason.as_ref(), waiting.message.as_ref()));
    }
    if let Some(ended) = &state.terminated {
        let exit = format!("ended with exit code {}", ended.exit_code);
        return Some(with(Some(&exit), ended.message.as_ref()));
    }
    state.running.as_ref().map(|_| format!("runs, but its readiness probe fails ({} restarts)", status.restart_count))
}
