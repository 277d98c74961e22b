//! Deleting everything that a run created, and proving that nothing is left.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use kube::{api::ListParams, core::ResourceExt};

use super::{
    Cluster, ClusterError, ObjectRef, Patience,
    apply::{AT_ONCE, rank_of},
    delete::Place,
    ledger::Entry,
};

/// What a clean-up could not remove, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leftover {
    /// What is, or may be, still there.
    pub object: ObjectRef,
    /// What stood in the way.
    pub why: String,
}

/// Clean-up happens in this order; what is of one stage goes newest batch first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Stage {
    /// Webhooks, while what they call is still there: a webhook without a server would refuse everybody's requests.
    Webhook,
    /// What lives in namespaces that stay, and objects of custom kinds, while their controllers can still let them go.
    Object,
    /// All namespaces together: each takes the cluster some seconds, whatever is in it.
    Namespace,
    /// What others used: definitions, roles.
    Foundation,
}

impl Stage {
    fn of(object: &ObjectRef) -> Self {
        match rank_of(&object.kind) {
            _ if object.kind.ends_with("WebhookConfiguration") => Self::Webhook,
            0 => Self::Namespace,
            _ if object.namespace.is_some() => Self::Object,
            1..=3 => Self::Foundation,
            _ => Self::Object,
        }
    }
}

impl Cluster {
    /// What stands in the ledger, for somebody who has no time to clean it up.
    pub fn unfinished(&self, why: &str) -> Vec<Leftover> {
        let entries = self.ledger().newest_first().into_iter().flatten();
        let left: Vec<Entry> = entries.collect();
        let own = left.into_iter().filter(|entry| !self.goes_with_its_namespace(&entry.object));
        own.map(|entry| Leftover { object: entry.object, why: why.to_owned() }).collect()
    }

    /// Deletes everything this run created and answers what is left in spite of that.
    ///
    /// Built-in objects in a namespace of the run go with their namespace. Goes on after a failure.
    pub async fn clean(&self, patience: &Patience) -> Vec<Leftover> {
        let mut leftovers = Vec::new();
        self.requests.close();
        // What takes longer than that is looked for all the same.
        let _ = tokio::time::timeout_at(patience.deadline, self.requests.wait()).await;
        let batches = self.ledger().newest_first();
        let all = batches.iter().flatten().map(|entry| &entry.object);
        let alone: Vec<&ObjectRef> = all.filter(|object| !self.goes_with_its_namespace(object)).collect();
        for stage in [Stage::Webhook, Stage::Object, Stage::Namespace, Stage::Foundation] {
            let by_itself = |object: &ObjectRef| alone.contains(&object) || is_custom(&object.api_version);
            let of_stage = |entry: &&Entry| Stage::of(&entry.object) == stage && by_itself(&entry.object);
            if stage == Stage::Namespace {
                let all: Vec<&Entry> = batches.iter().flatten().filter(of_stage).collect();
                leftovers.extend(self.clean_together(&all, patience).await);
                continue;
            }
            for batch in &batches {
                leftovers.extend(self.clean_batch(batch.iter().filter(of_stage).collect(), patience).await);
            }
        }
        if leftovers.is_empty() {
            leftovers = self.remains(&alone, patience).await;
        }
        leftovers
    }

    async fn clean_batch(&self, mut entries: Vec<&Entry>, patience: &Patience) -> Vec<Leftover> {
        let mut leftovers = Vec::new();
        entries.sort_by_key(|entry| std::cmp::Reverse(rank_of(&entry.object.kind)));
        for same_rank in entries.chunk_by(|left, right| rank_of(&left.object.kind) == rank_of(&right.object.kind)) {
            leftovers.extend(self.clean_together(same_rank, patience).await);
        }
        leftovers
    }

    fn goes_with_its_namespace(&self, object: &ObjectRef) -> bool {
        object.namespace.as_ref().is_some_and(|namespace| self.ledger().has_namespace(namespace))
    }

    async fn clean_together(&self, entries: &[&Entry], patience: &Patience) -> Vec<Leftover> {
        let requests = stream::iter(entries.iter().copied()).map(|entry| async move {
            let asked = tokio::time::timeout_at(patience.deadline, self.delete_entry(entry)).await;
            (entry, asked.unwrap_or_else(|_| Err(late(&entry.object))))
        });
        let answers: Vec<(&Entry, Result<(), ClusterError>)> = requests.buffered(AT_ONCE).collect().await;
        let (deleted, failed): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.is_ok());
        let left = |entry: &Entry, why: String| Leftover { object: entry.object.clone(), why };
        let mut leftovers: Vec<Leftover> =
            failed.into_iter().filter_map(|(entry, answer)| Some(left(entry, answer.err()?.to_string()))).collect();
        let objects: Vec<ObjectRef> = deleted.iter().map(|(entry, _)| entry.object.clone()).collect();
        match self.until_gone(&objects, patience).await {
            Ok(()) => objects.iter().for_each(|object| self.ledger().gone(object)),
            Err(error) => leftovers.extend(self.still_left(&objects, &error.to_string()).await),
        }
        leftovers
    }

    /// Which of `objects` are still there, after a wait for their end that failed. Who cannot be asked counts as there.
    async fn still_left(&self, objects: &[ObjectRef], why: &str) -> Vec<Leftover> {
        let looks = stream::iter(objects).map(|object| async move {
            let look = tokio::time::timeout(LAST_LOOK, self.find(object)).await;
            let gone = matches!(look, Ok(Ok(None) | Err(ClusterError::UnknownKind { .. })));
            (!gone).then(|| Leftover { object: object.clone(), why: why.to_owned() })
        });
        looks.buffered(AT_ONCE).filter_map(std::future::ready).collect().await
    }

    /// Deletes what an entry names, if it is still the object that this run created.
    async fn delete_entry(&self, entry: &Entry) -> Result<(), ClusterError> {
        if entry.uid.is_some() {
            return self.request_deletion(&entry.object, entry.uid.clone()).await;
        }
        match self.find(&entry.object).await {
            Ok(Some(found)) if self.run.owns(found.metadata.labels.as_ref()) => {
                self.request_deletion(&entry.object, found.uid()).await
            }
            Ok(_) | Err(ClusterError::UnknownKind { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks the cluster, by label, for anything of this run wherever it ever created something that had to go by itself.
    async fn remains(&self, objects: &[&ObjectRef], patience: &Patience) -> Vec<Leftover> {
        let places: BTreeSet<Place<'_>> = objects.iter().map(|object| Place::of(object)).collect();
        let questions = stream::iter(places).map(|place| async move {
            let asked = tokio::time::timeout_at(patience.deadline, self.ours(place)).await;
            match asked {
                Ok(Ok(found)) => found.into_iter().map(|object| (object, "it is still there".to_owned())).collect(),
                Ok(Err(error)) => vec![(unknown(place), error.to_string())],
                Err(_) => vec![(unknown(place), "the deadline passed before the last look".to_owned())],
            }
        });
        let found: Vec<Vec<(ObjectRef, String)>> = questions.buffered(AT_ONCE).collect().await;
        found.into_iter().flatten().map(|(object, why)| Leftover { object, why }).collect()
    }

    /// The objects of one place that carry this run's labels.
    async fn ours(&self, place: Place<'_>) -> Result<Vec<ObjectRef>, ClusterError> {
        let kind = match self.kind(place.api_version, place.kind).await {
            Err(ClusterError::UnknownKind { .. }) => return Ok(Vec::new()),
            other => other?,
        };
        let ours = ListParams::default().labels(&self.run.selector());
        let found = match kind.within(self.client(), place.namespace).list(&ours).await {
            // The definition of this kind is gone, and its objects with it.
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(Vec::new()),
            other => other.map_err(ClusterError::request(format!("list {}", place.kind)))?,
        };
        let reference = |found: &kube::core::DynamicObject| ObjectRef {
            api_version: place.api_version.to_owned(),
            kind: place.kind.to_owned(),
            namespace: found.namespace(),
            name: found.name_any(),
        };
        Ok(found.items.iter().map(reference).collect())
    }
}

/// How long the last look at an object may take that would not go.
const LAST_LOOK: std::time::Duration = std::time::Duration::from_secs(5);

/// Whether a group is not Kubernetes' own, so that its objects may have controllers that want to see them off.
pub fn is_custom(api_version: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    group.contains('.') && !group.ends_with(".k8s.io")
}

fn unknown(place: Place<'_>) -> ObjectRef {
    ObjectRef {
        api_version: place.api_version.to_owned(),
        kind: place.kind.to_owned(),
        namespace: place.namespace.map(str::to_owned),
        name: "*".to_owned(),
    }
}

fn late(object: &ObjectRef) -> ClusterError {
    ClusterError::Late { waiting_for: format!("{object} to be deleted"), why: "the cluster does not answer".to_owned() }
}
