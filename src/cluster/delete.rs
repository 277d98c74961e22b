//! Deleting what a run created, newest first, and proving that nothing is left.

use std::collections::BTreeSet;

use futures::{StreamExt, future::try_join_all, stream};
use kube::{
    api::{DeleteParams, ListParams, Preconditions, PropagationPolicy},
    core::{DynamicObject, ResourceExt},
    runtime::watcher,
};

use super::{
    Cluster, ClusterError, ObjectRef, Patience,
    apply::{AT_ONCE, rank_of},
    ledger::Entry,
    wait::{Progress, until},
};

/// What a clean-up could not remove, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Leftover {
    /// What is, or may be, still there.
    pub object: ObjectRef,
    /// What stood in the way.
    pub why: String,
}

impl Cluster {
    /// Deletes one object of this run and waits until it is gone. Answers whether it was there.
    ///
    /// # Errors
    /// [`ClusterError::Clash`] if it is somebody else's, a failed request, or the deadline.
    pub async fn delete(&self, object: &ObjectRef, patience: &Patience) -> Result<bool, ClusterError> {
        let Some(found) = self.find(object).await? else {
            self.ledger().gone(object);
            return Ok(false);
        };
        if !self.run.owns(found.metadata.labels.as_ref()) {
            return Err(ClusterError::Clash(vec![object.clone()]));
        }
        self.request_deletion(object, found.uid()).await?;
        self.until_gone(std::slice::from_ref(object), patience).await?;
        self.ledger().gone(object);
        Ok(true)
    }

    /// What stands in the ledger, for somebody who has no time to clean it up.
    pub fn unfinished(&self, why: &str) -> Vec<Leftover> {
        let entries = self.ledger().newest_first().into_iter().flatten();
        let left: Vec<Entry> = entries.collect();
        let own = left.into_iter().filter(|entry| !self.goes_with_its_namespace(entry));
        own.map(|entry| Leftover { object: entry.object, why: why.to_owned() }).collect()
    }

    /// Deletes everything this run created, newest first, and answers what is left in spite of that.
    ///
    /// Objects in a namespace of the run go with their namespace. Goes on after a failure.
    pub async fn clean(&self, patience: &Patience) -> Vec<Leftover> {
        let mut leftovers = Vec::new();
        let batches = self.ledger().newest_first();
        for batch in &batches {
            let own = |entry: &&Entry| !self.goes_with_its_namespace(entry);
            let mut entries: Vec<&Entry> = batch.iter().filter(own).collect();
            entries.sort_by_key(|entry| std::cmp::Reverse(rank_of(&entry.object.kind)));
            for same_rank in entries.chunk_by(|left, right| rank_of(&left.object.kind) == rank_of(&right.object.kind)) {
                leftovers.extend(self.clean_together(same_rank, patience).await);
            }
        }
        if leftovers.is_empty() {
            leftovers = self.remains(batches.iter().flatten(), patience).await;
        }
        leftovers
    }

    fn goes_with_its_namespace(&self, entry: &Entry) -> bool {
        entry.object.namespace.as_ref().is_some_and(|namespace| self.ledger().has_namespace(namespace))
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
        if let Err(error) = self.until_gone(&objects, patience).await {
            leftovers.extend(deleted.iter().map(|(entry, _)| left(entry, error.to_string())));
        }
        leftovers
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

    /// Asks for the deletion of exactly the object of this uid; another one of its name is left alone.
    async fn request_deletion(&self, object: &ObjectRef, uid: Option<String>) -> Result<(), ClusterError> {
        let kind = match self.kind(&object.api_version, &object.kind).await {
            Err(ClusterError::UnknownKind { .. }) => return Ok(()),
            other => other?,
        };
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { uid, resource_version: None }),
            propagation_policy: Some(PropagationPolicy::Background),
            ..DeleteParams::default()
        };
        match kind.api(self.client(), object.namespace.as_deref()).delete(&object.name, &parameters).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(ClusterError::request(format!("delete {object}"))(error)),
        }
    }

    /// Waits until none of `objects` is there as ours; one watch for each kind.
    async fn until_gone(&self, objects: &[ObjectRef], patience: &Patience) -> Result<(), ClusterError> {
        let types: BTreeSet<(&str, &str)> = objects.iter().map(of_type).collect();
        let watches = types.into_iter().map(|(api_version, kind_name)| async move {
            let kind = match self.kind(api_version, kind_name).await {
                Err(ClusterError::UnknownKind { .. }) => return Ok(()),
                other => other?,
            };
            let wanted: Vec<&ObjectRef> =
                objects.iter().filter(|object| of_type(object) == (api_version, kind_name)).collect();
            let waiting_for = format!("{} to be deleted", list(wanted.iter().copied()));
            let ours = watcher::Config::default().labels(&self.run.selector());
            until(kind.everywhere(self.client()), ours, &waiting_for, patience, |state| {
                let there = |object: &ObjectRef| state.get(&(object.namespace.clone(), object.name.clone()));
                let left: Vec<_> = wanted.iter().filter_map(|&object| Some((object, there(object)?))).collect();
                if left.is_empty() { Progress::Done(()) } else { Progress::Waiting(still_there(&left)) }
            })
            .await
        });
        try_join_all(watches).await.map(|_| ())
    }

    /// Asks the cluster, by label, for anything of this run among the kinds it ever created.
    async fn remains<'a>(&self, entries: impl Iterator<Item = &'a Entry>, patience: &Patience) -> Vec<Leftover> {
        let objects: Vec<&ObjectRef> = entries.map(|entry| &entry.object).collect();
        let types: BTreeSet<(&str, &str)> = objects.iter().map(|object| of_type(object)).collect();
        let questions = stream::iter(types).map(|(api_version, kind)| async move {
            let asked = tokio::time::timeout_at(patience.deadline, self.ours(api_version, kind)).await;
            match asked {
                Ok(Ok(found)) => found.into_iter().map(|object| (object, "it is still there".to_owned())).collect(),
                Ok(Err(error)) => vec![(unknown(api_version, kind), error.to_string())],
                Err(_) => vec![(unknown(api_version, kind), "the deadline passed before the last look".to_owned())],
            }
        });
        let found: Vec<Vec<(ObjectRef, String)>> = questions.buffered(AT_ONCE).collect().await;
        found.into_iter().flatten().map(|(object, why)| Leftover { object, why }).collect()
    }

    /// The objects of one kind that carry this run's labels.
    async fn ours(&self, api_version: &str, kind_name: &str) -> Result<Vec<ObjectRef>, ClusterError> {
        let kind = match self.kind(api_version, kind_name).await {
            Err(ClusterError::UnknownKind { .. }) => return Ok(Vec::new()),
            other => other?,
        };
        let ours = ListParams::default().labels(&self.run.selector());
        let found = match kind.everywhere(self.client()).list(&ours).await {
            // The definition of this kind is gone, and its objects with it.
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(Vec::new()),
            other => other.map_err(ClusterError::request(format!("list {kind_name}")))?,
        };
        let reference = |metadata: &kube::core::ObjectMeta| ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind_name.to_owned(),
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone().unwrap_or_default(),
        };
        Ok(found.items.iter().map(|object| reference(&object.metadata)).collect())
    }
}

fn of_type(object: &ObjectRef) -> (&str, &str) {
    (&object.api_version, &object.kind)
}

fn unknown(api_version: &str, kind: &str) -> ObjectRef {
    ObjectRef { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace: None, name: "*".to_owned() }
}

fn late(object: &ObjectRef) -> ClusterError {
    ClusterError::Late { waiting_for: format!("{object} to be deleted"), why: "the cluster does not answer".to_owned() }
}

fn list<'a>(objects: impl Iterator<Item = &'a ObjectRef>) -> String {
    objects.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What is still there, and which finalizers hold it.
fn still_there(left: &[(&ObjectRef, &DynamicObject)]) -> String {
    let each = left.iter().map(|(object, found)| match found.finalizers() {
        [] => format!("{object} is still there"),
        held => format!("{object} is held by {}", held.join(", ")),
    });
    each.collect::<Vec<_>>().join("; ")
}
