//! ReplicaSets: as many pods as wanted, and how many there are.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{
        apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;

use super::{Shared, owned_by, owner_reference, queue::Outcome};
use crate::embedded::informer::Key;

/// Makes the pods of one ReplicaSet as many as wanted.
pub(super) async fn reconcile(shared: Arc<Shared>, (namespace, name): Key) -> Outcome {
    let Some(replica_set) = shared.informers.replica_sets.get(&namespace, &name) else { return Ok(None) };
    let spec = &replica_set.spec;
    let turn = Turn {
        shared: &shared,
        replica_set: &replica_set,
        spec,
        pods: Api::namespaced(shared.client.clone(), &namespace),
    };
    let mut failure = None;
    if replica_set.metadata.deletion_timestamp.is_none() {
        failure = turn.scale().await.err();
    }
    let next_look = turn.write_status(failure.as_ref()).await?;
    failure.map_or(Ok(next_look), Err)
}

struct Turn<'a> {
    shared: &'a Shared,
    replica_set: &'a ReplicaSet,
    spec: &'a ReplicaSetSpec,
    pods: Api<Pod>,
}

impl Turn<'_> {
    /// Its pods that have not ended and are not about to.
    fn active(&self) -> Vec<Arc<Pod>> {
        let namespace = self.replica_set.namespace().unwrap_or_default();
        let mut pods = self.shared.informers.pods.in_namespace(&namespace);
        pods.retain(|pod| owned_by(&**pod, self.replica_set) && is_active(pod));
        pods
    }

    async fn scale(&self) -> kube::Result<()> {
        let (wanted, active) = (usize::try_from(self.spec.replicas.unwrap_or(1)).unwrap_or(0), self.active());
        let results = if active.len() < wanted {
            join_all((active.len()..wanted).map(|_| self.create())).await
        } else {
            let mut surplus = active;
            surplus.sort_by_key(|pod| worth(pod));
            let count = surplus.len() - wanted;
            join_all(surplus.iter().take(count).map(|pod| self.delete(pod))).await
        };
        results.into_iter().collect()
    }

    async fn create(&self) -> kube::Result<()> {
        let template = self.spec.template.clone().unwrap_or_default();
        let metadata = template.metadata.unwrap_or_default();
        let pod = Pod {
            metadata: ObjectMeta {
                annotations: metadata.annotations,
                finalizers: metadata.finalizers,
                generate_name: Some(format!("{}-", self.replica_set.name_any())),
                labels: metadata.labels,
                namespace: self.replica_set.namespace(),
                owner_references: Some(vec![owner_reference(self.replica_set)]),
                ..ObjectMeta::default()
            },
            spec: template.spec,
            status: None,
        };
        match self.pods.create(&PostParams::default(), &pod).await {
            Ok(pod) => {
                self.shared.informers.pods.observe(&pod);
                let text = format!("Created pod: {}", pod.name_any());
                self.shared.recorder.normal(self.replica_set, "SuccessfulCreate", text);
                Ok(())
            }
            Err(error) => {
                let text = format!("Error creating: {}", reason_of(&error));
                self.shared.recorder.warning(self.replica_set, "FailedCreate", text);
                Err(error)
            }
        }
    }

    async fn delete(&self, pod: &Pod) -> kube::Result<()> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { uid: pod.uid(), resource_version: None }),
            ..DeleteParams::default()
        };
        match self.pods.delete(&pod.name_any(), &parameters).await {
            Ok(answer) => {
                if let Some(pod) = answer.left() {
                    self.shared.informers.pods.observe(&pod);
                }
                let text = format!("Deleted pod: {}", pod.name_any());
                self.shared.recorder.normal(self.replica_set, "SuccessfulDelete", text);
                Ok(())
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes the status if it has changed; answers when time alone will change it.
    async fn write_status(&self, failure: Option<&kube::Error>) -> Outcome {
        let now = Timestamp::now();
        let (status, next_look) = self.status(failure, now);
        if self.replica_set.status.as_ref() == Some(&status) {
            return Ok(next_look);
        }
        let api: Api<ReplicaSet> =
            Api::namespaced(self.shared.client.clone(), &self.replica_set.namespace().unwrap_or_default());
        let patch = json!({"metadata": {"uid": self.replica_set.uid()}, "status": status});
        let written =
            api.patch_status(&self.replica_set.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await;
        match written {
            Ok(written) => self.shared.informers.replica_sets.observe(&written),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error),
        }
        Ok(next_look)
    }

    fn status(&self, failure: Option<&kube::Error>, now: Timestamp) -> (ReplicaSetStatus, Option<Duration>) {
        let pods = self.active();
        let template = self.spec.template.as_ref().and_then(|template| template.metadata.as_ref());
        let labels = template.and_then(|metadata| metadata.labels.as_ref());
        let labelled =
            |pod: &&Arc<Pod>| labels.into_iter().flatten().all(|(key, value)| pod.labels().get(key) == Some(value));
        let minimum = SignedDuration::from_secs(self.spec.min_ready_seconds.unwrap_or(0).into());
        let ages: Vec<SignedDuration> =
            pods.iter().filter_map(|pod| ready_since(pod)).map(|since| now.duration_since(since)).collect();
        let available = ages.iter().filter(|age| minimum.is_zero() || **age >= minimum).count();
        let waits = ages.iter().filter(|age| !minimum.is_zero() && **age < minimum).map(|age| minimum - *age);
        let next_look = waits.min().and_then(|wait| Duration::try_from(wait).ok());
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        let status = ReplicaSetStatus {
            available_replicas: Some(count(available)),
            conditions: failure.map(|failure| vec![self.failed(failure, now)]).or(Some(Vec::new())),
            fully_labeled_replicas: Some(count(pods.iter().filter(labelled).count())),
            observed_generation: self.replica_set.metadata.generation,
            ready_replicas: Some(count(ages.len())),
            replicas: count(pods.len()),
            terminating_replicas: None,
        };
        (status, next_look)
    }

    fn failed(&self, failure: &kube::Error, now: Timestamp) -> ReplicaSetCondition {
        let before = self.replica_set.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let before = before.into_iter().find(|condition| condition.type_.as_deref() == Some("ReplicaFailure"));
        ReplicaSetCondition {
            last_transition_time: before.and_then(|before| before.last_transition_time.clone()).or(Some(Time(now))),
            message: Some(reason_of(failure)),
            reason: Some("FailedCreate".to_owned()),
            status: Some("True".to_owned()),
            type_: Some("ReplicaFailure".to_owned()),
        }
    }
}

/// The text of a failure as the API server put it.
fn reason_of(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

fn is_active(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Failed" | "Succeeded"))
}

/// Since when a pod has been ready.
fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    Some(ready.last_transition_time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0))
}

/// Who goes first when there are too many: not bound, not running, not ready, then the youngest.
fn worth(pod: &Pod) -> (bool, bool, bool, std::cmp::Reverse<Option<Timestamp>>) {
    let bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    let running = pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
    let born = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    (bound, running, ready_since(pod).is_some(), std::cmp::Reverse(born))
}
