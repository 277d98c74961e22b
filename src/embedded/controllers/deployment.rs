//! Deployments: a ReplicaSet for each template, pods moved from the old ones to the new one.

mod rollout;
mod status;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{Deployment, DeploymentSpec, ReplicaSet, ReplicaSetSpec},
    core::v1::PodTemplateSpec,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;

use self::rollout::{Count, Strategy, next_sizes};
use super::{Shared, owned_by, owner_reference, queue::Outcome};
use crate::embedded::informer::Key;

/// The label that tells the pods of one template from those of another.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// Numbers the templates of a Deployment.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// How many old ReplicaSets are kept if the Deployment does not say.
const HISTORY: i32 = 10;

/// Brings one Deployment a step further.
pub(super) async fn reconcile(shared: Arc<Shared>, (namespace, name): Key) -> Outcome {
    let Some(deployment) = shared.informers.deployments.get(&namespace, &name) else { return Ok(None) };
    let spec = &deployment.spec;
    let turn = Turn {
        replica_sets: Api::namespaced(shared.client.clone(), &namespace),
        desired: spec.replicas.unwrap_or(1),
        shared: &shared,
        deployment: &deployment,
        spec,
    };
    if deployment.metadata.deletion_timestamp.is_none() {
        turn.roll_out().await?;
    }
    turn.write_status().await
}

struct Turn<'a> {
    shared: &'a Shared,
    deployment: &'a Deployment,
    spec: &'a DeploymentSpec,
    desired: i32,
    replica_sets: Api<ReplicaSet>,
}

impl Turn<'_> {
    /// Its ReplicaSets, oldest first.
    fn owned(&self) -> Vec<Arc<ReplicaSet>> {
        let namespace = self.deployment.namespace().unwrap_or_default();
        let mut owned = self.shared.informers.replica_sets.in_namespace(&namespace);
        owned.retain(|one| owned_by(&**one, self.deployment));
        owned.sort_by_key(|one| (revision(&**one), one.metadata.creation_timestamp.as_ref().map(|time| time.0)));
        owned
    }

    async fn roll_out(&self) -> kube::Result<()> {
        let hash = template_hash(&self.spec.template);
        let owned = self.owned();
        let (new, old): (Vec<_>, Vec<_>) = owned.into_iter().partition(|one| is_of(one, &hash));
        let paused = self.spec.paused == Some(true);
        let new = match new.into_iter().next() {
            Some(new) => Some(new),
            None if paused => None,
            None => Some(Arc::new(self.create(&hash, &old).await?)),
        };
        let strategy = Strategy::of(self.spec.strategy.as_ref(), self.desired);
        let counts: Vec<Count> = old.iter().map(|one| count(one)).collect();
        let new_count = new.as_deref().map(count).unwrap_or_default();
        let (new_size, old_sizes) = if paused {
            self.paused_sizes(new.is_some(), &counts)
        } else {
            next_sizes(self.desired, strategy, new_count, &counts)
        };
        if let Some(new) = &new {
            self.adopt_revision(new, &old).await?;
            self.resize(new, new_size).await?;
        }
        try_join_all(old.iter().zip(old_sizes).map(|(one, size)| self.resize(one, size))).await?;
        self.forget(&old).await
    }

    /// While paused only the size of the Deployment is followed, by the newest ReplicaSet that has pods.
    fn paused_sizes(&self, has_new: bool, old: &[Count]) -> (i32, Vec<i32>) {
        let mut sizes: Vec<i32> = old.iter().map(|one| one.wanted).collect();
        if !has_new && let Some(last) = sizes.iter_mut().rev().find(|size| **size > 0) {
            *last = self.desired;
        }
        (self.desired, sizes)
    }

    async fn create(&self, hash: &str, old: &[Arc<ReplicaSet>]) -> kube::Result<ReplicaSet> {
        let name = format!("{}-{hash}", self.deployment.name_any());
        let hash_label = BTreeMap::from([(TEMPLATE_HASH.to_owned(), hash.to_owned())]);
        let mut template = self.spec.template.clone();
        let metadata = template.metadata.get_or_insert_default();
        metadata.labels.get_or_insert_default().extend(hash_label.clone());
        let mut selector = self.spec.selector.clone();
        selector.match_labels.get_or_insert_default().extend(hash_label);
        let next = old.iter().map(|one| revision(&**one)).max().unwrap_or(0) + 1;
        let replica_set = ReplicaSet {
            metadata: ObjectMeta {
                annotations: Some(BTreeMap::from([(REVISION.to_owned(), next.to_string())])),
                labels: template.metadata.as_ref().and_then(|metadata| metadata.labels.clone()),
                name: Some(name.clone()),
                owner_references: Some(vec![owner_reference(self.deployment)]),
                ..ObjectMeta::default()
            },
            spec: ReplicaSetSpec {
                min_ready_seconds: self.spec.min_ready_seconds,
                replicas: Some(0),
                selector,
                template: Some(template),
            },
            status: None,
        };
        let created = match self.replica_sets.create(&PostParams::default(), &replica_set).await {
            // Our own copy is behind: it is there already.
            Err(kube::Error::Api(status)) if status.code == 409 => self.replica_sets.get(&name).await?,
            other => other?,
        };
        self.shared.informers.replica_sets.observe(&created);
        Ok(created)
    }

    /// Gives the ReplicaSet of the present template the highest revision, and the Deployment the same.
    async fn adopt_revision(&self, new: &ReplicaSet, old: &[Arc<ReplicaSet>]) -> kube::Result<()> {
        let newest = old.iter().map(|one| revision(&**one)).max().unwrap_or(0);
        let number = revision(new).max(newest + 1);
        let patch = Patch::Merge(json!({"metadata": {"annotations": {REVISION: number.to_string()}}}));
        if revision(new) != number {
            let written = self.replica_sets.patch(&new.name_any(), &PatchParams::default(), &patch).await?;
            self.shared.informers.replica_sets.observe(&written);
        }
        if revision(self.deployment) != number {
            let written =
                self.deployments().patch(&self.deployment.name_any(), &PatchParams::default(), &patch).await?;
            self.shared.informers.deployments.observe(&written);
        }
        Ok(())
    }

    async fn resize(&self, replica_set: &ReplicaSet, size: i32) -> kube::Result<()> {
        let before = count(replica_set).wanted;
        if before == size {
            return Ok(());
        }
        let patch = Patch::Merge(json!({"spec": {"replicas": size}}));
        let written = self.replica_sets.patch(&replica_set.name_any(), &PatchParams::default(), &patch).await?;
        self.shared.informers.replica_sets.observe(&written);
        let direction = if size > before { "up" } else { "down" };
        let text = format!("Scaled {direction} replica set {} from {before} to {size}", replica_set.name_any());
        self.shared.recorder.normal(self.deployment, "ScalingReplicaSet", text);
        Ok(())
    }

    /// Deletes the oldest ReplicaSets that nobody needs any more.
    async fn forget(&self, old: &[Arc<ReplicaSet>]) -> kube::Result<()> {
        let keep = usize::try_from(self.spec.revision_history_limit.unwrap_or(HISTORY)).unwrap_or(0);
        let done = |one: &&Arc<ReplicaSet>| count(one) == Count::default() && one.metadata.deletion_timestamp.is_none();
        let idle: Vec<_> = old.iter().filter(done).collect();
        for one in &idle[..idle.len().saturating_sub(keep)] {
            match self.replica_sets.delete(&one.name_any(), &DeleteParams::background()).await {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                other => drop(other?),
            }
        }
        Ok(())
    }

    async fn write_status(&self) -> Outcome {
        let hash = template_hash(&self.spec.template);
        let owned = self.owned();
        let new = owned.iter().find(|one| is_of(one, &hash)).map(|new| &**new);
        let all: Vec<&ReplicaSet> = owned.iter().map(|one| &**one).collect();
        let strategy = Strategy::of(self.spec.strategy.as_ref(), self.desired);
        let status = status::status(self.deployment, new, &all, strategy, Timestamp::now());
        // A rollout that stands still is noticed only by looking again.
        let deadline = self.spec.progress_deadline_seconds.unwrap_or(600);
        let next_look = Duration::from_secs(u64::try_from(deadline).unwrap_or(0) + 1);
        let next_look = (!status::is_complete(self.deployment, &status)).then_some(next_look);
        if self.deployment.status.as_ref() == Some(&status) {
            return Ok(next_look);
        }
        let patch = Patch::Merge(json!({"metadata": {"uid": self.deployment.uid()}, "status": status}));
        match self.deployments().patch_status(&self.deployment.name_any(), &PatchParams::default(), &patch).await {
            Ok(written) => self.shared.informers.deployments.observe(&written),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error),
        }
        Ok(next_look)
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.shared.client.clone(), &self.deployment.namespace().unwrap_or_default())
    }
}

fn count(replica_set: &ReplicaSet) -> Count {
    let status = replica_set.status.as_ref();
    Count {
        wanted: replica_set.spec.replicas.unwrap_or(1),
        present: status.map_or(0, |status| status.replicas),
        available: status.and_then(|status| status.available_replicas).unwrap_or(0),
    }
}

fn is_of(replica_set: &ReplicaSet, hash: &str) -> bool {
    replica_set.labels().get(TEMPLATE_HASH).is_some_and(|own| own == hash)
}

fn revision(object: &impl ResourceExt) -> u64 {
    object.annotations().get(REVISION).and_then(|revision| revision.parse().ok()).unwrap_or(0)
}

/// A short name for a template, in the letters that Kubernetes uses: no vowels, so no words.
fn template_hash(template: &PodTemplateSpec) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let text = serde_json::to_vec(template).unwrap_or_default();
    // FNV-1a.
    let hash = text.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash.to_string().bytes().map(|digit| char::from(LETTERS[usize::from(digit) % LETTERS.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_short_names() {
        let template = |image: &str| {
            let template = json!({"spec": {"containers": [{"name": "c", "image": image}]}});
            template_hash(&serde_json::from_value(template).unwrap())
        };
        assert_eq!(template("a"), template("a"));
        assert_ne!(template("a"), template("b"));
        assert!(template("a").bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit()));
    }
}
