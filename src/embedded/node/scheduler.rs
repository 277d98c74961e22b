//! Gives pods without a node to the one node there is, unless they want another kind of node.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Binding, ObjectReference, Pod},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{NODE_NAME, register::node_labels};
use crate::embedded::{
    events::Recorder,
    informer::{Informer, Key, key_of},
};

/// What `kubectl describe` shows about a pod that fits nowhere.
const DOES_NOT_FIT: &str = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. \
                            preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";

/// Schedules pods until the task is dropped.
pub(super) async fn run(client: Client, pods: Informer<Pod>, recorder: Recorder) {
    let recorder = recorder.of("default-scheduler");
    let mut changes = pods.subscribe();
    // What was decided about which pod, so that our own writes and others' don't make us decide again.
    let mut decided: HashMap<Key, Option<String>> = HashMap::new();
    while let Some(change) = changes.recv().await {
        let key = key_of(&**change.object());
        let Some(pod) = change.after else {
            decided.remove(&key);
            continue;
        };
        if !is_waiting(&pod) || decided.get(&key) == Some(&pod.uid()) {
            continue;
        }
        match schedule(&client, &pod, &recorder).await {
            Ok(()) => {
                decided.insert(key, pod.uid());
            }
            Err(error) => tracing::debug!(%error, pod = pod.name_any(), "could not be bound"),
        }
    }
}

fn is_waiting(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let ours = spec.scheduler_name.as_deref().is_none_or(|name| name == "default-scheduler");
    let gated = spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    spec.node_name.is_none() && ours && !gated && pod.metadata.deletion_timestamp.is_none()
}

/// Whether the node has all the labels that the pod asks for.
fn fits(pod: &Pod, labels: &BTreeMap<String, String>) -> bool {
    let mut wanted = pod.spec.iter().flat_map(|spec| spec.node_selector.iter().flatten());
    wanted.all(|(key, value)| labels.get(key) == Some(value))
}

async fn schedule(client: &Client, pod: &Pod, recorder: &Recorder) -> kube::Result<()> {
    let namespace = pod.namespace().unwrap_or_default();
    let name = pod.name_any();
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    if !fits(pod, &node_labels()) {
        recorder.warning(pod, "FailedScheduling", DOES_NOT_FIT);
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": DOES_NOT_FIT,
            "lastTransitionTime": Time(Timestamp::now()),
        });
        let patch = json!({"metadata": {"uid": pod.uid()}, "status": {"conditions": [condition]}});
        pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        return Ok(());
    }
    let binding = Binding {
        metadata: kube::api::ObjectMeta {
            name: Some(name.clone()),
            uid: pod.uid(),
            ..kube::api::ObjectMeta::default()
        },
        target: ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Node".to_owned()),
            name: Some(NODE_NAME.to_owned()),
            ..ObjectReference::default()
        },
    };
    let _: serde_json::Value = pods.create_subresource("binding", &name, &PostParams::default(), &binding).await?;
    recorder.normal(pod, "Scheduled", format!("Successfully assigned {namespace}/{name} to {NODE_NAME}"));
    Ok(())
}
