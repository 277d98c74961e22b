//! Deleting exactly the objects that are meant, and waiting until they are gone.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, ListParams, Preconditions, PropagationPolicy},
    core::{DynamicObject, ResourceExt},
    runtime::watcher,
};

use super::{
    Clash, Cluster, ClusterError, ObjectRef, Patience,
    wait::{Progress, until},
};

/// How long the pods of a namespace of ours get to end by themselves. Unit: seconds. Zero would mean that nobody waits
/// for the node to say that they have ended.
const GRACE: u32 = 1;

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
            return Err(ClusterError::Clash(vec![Clash::of(object.clone(), &found)]));
        }
        self.request_deletion(object, found.uid()).await?;
        self.until_gone(std::slice::from_ref(object), patience).await?;
        self.ledger().gone(object);
        Ok(true)
    }

    /// Asks for the deletion of exactly the object of this uid; another one of its name is left alone.
    pub(super) async fn request_deletion(&self, object: &ObjectRef, uid: Option<String>) -> Result<(), ClusterError> {
        let kind = match self.kind(&object.api_version, &object.kind).await {
            Err(ClusterError::UnknownKind { .. }) => return Ok(()),
            other => other?,
        };
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { uid, resource_version: None }),
            propagation_policy: Some(propagation(&object.kind)),
            ..DeleteParams::default()
        };
        match kind.api(self.client(), object.namespace.as_deref()).delete(&object.name, &parameters).await {
            Ok(_) if object.kind == "Namespace" => self.hurry_pods(&object.name).await,
            Ok(_) => (),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => (),
            Err(error) => return Err(ClusterError::request(format!("delete {object}"))(error)),
        }
        Ok(())
    }

    /// Ends the pods of a namespace that is on its way out, which nobody can replace any more.
    ///
    /// The namespace controller waits for half of the longest grace period before it looks again, even if all pods
    /// ended at once; so they had better be gone before it looks for the first time.
    async fn hurry_pods(&self, namespace: &str) {
        let pods: Api<Pod> = Api::namespaced(self.client(), namespace);
        let soon = DeleteParams { grace_period_seconds: Some(GRACE), ..DeleteParams::default() };
        // Whoever may not do this has to wait a little longer.
        let _ = pods.delete_collection(&soon, &ListParams::default()).await;
    }

    /// Waits until none of `objects` is there as ours; one watch for each kind and namespace.
    pub(super) async fn until_gone(&self, objects: &[ObjectRef], patience: &Patience) -> Result<(), ClusterError> {
        let places: BTreeSet<Place<'_>> = objects.iter().map(Place::of).collect();
        let watches = places.into_iter().map(|place| async move {
            let kind = match self.kind(place.api_version, place.kind).await {
                Err(ClusterError::UnknownKind { .. }) => return Ok(()),
                other => other?,
            };
            let wanted: Vec<&ObjectRef> = objects.iter().filter(|object| Place::of(object) == place).collect();
            let waiting_for = format!("{} to be deleted", list(wanted.iter().copied()));
            let ours = watcher::Config::default().labels(&self.run.selector());
            until(kind.within(self.client(), place.namespace), ours, &waiting_for, patience, |state| {
                let there = |object: &ObjectRef| state.get(&(object.namespace.clone(), object.name.clone()));
                let left: Vec<_> = wanted.iter().filter_map(|&object| Some((object, there(object)?))).collect();
                if left.is_empty() { Progress::Done(()) } else { Progress::Waiting(still_there(&left)) }
            })
            .await
        });
        let namespaces: Vec<&str> =
            objects.iter().filter(|object| object.kind == "Namespace").map(|object| object.name.as_str()).collect();
        tokio::select! {
            gone = try_join_all(watches) => gone.map(|_| ()),
            never = self.release_ended_pods(&namespaces) => match never {},
        }
    }
}

/// Where objects of one type are looked for together.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place<'a> {
    pub(super) api_version: &'a str,
    pub(super) kind: &'a str,
    pub(super) namespace: Option<&'a str>,
}

impl<'a> Place<'a> {
    pub(super) fn of(object: &'a ObjectRef) -> Self {
        Self { api_version: &object.api_version, kind: &object.kind, namespace: object.namespace.as_deref() }
    }
}

/// What has pods is gone when they are.
fn propagation(kind: &str) -> PropagationPolicy {
    match kind {
        "CronJob" | "DaemonSet" | "Deployment" | "Job" | "ReplicaSet" | "StatefulSet" => PropagationPolicy::Foreground,
        _ => PropagationPolicy::Background,
    }
}

fn list<'a>(objects: impl Iterator<Item = &'a ObjectRef>) -> String {
    objects.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What is still there, and what holds it.
fn still_there(left: &[(&ObjectRef, &DynamicObject)]) -> String {
    let each = left.iter().map(|(object, found)| match held(found) {
        held if held.is_empty() => format!("{object} is still there"),
        held => format!("{object} is held by {}", held.join(", ")),
    });
    each.collect::<Vec<_>>().join("; ")
}

/// What keeps an object that is to be deleted: its finalizers, or what the cluster says is left in a namespace.
///
/// A deletion that waits for dependents is nothing that holds it; it ends by itself.
pub(super) fn held(object: &DynamicObject) -> Vec<String> {
    let finalizers = object.finalizers().iter().filter(|name| *name != "foregroundDeletion").cloned();
    finalizers.chain(blocking_conditions(object)).collect()
}

/// The conditions of a namespace that say why it is still there.
///
/// Source: Kubernetes, `NamespaceConditionType`: each of them is `True` while something is in the way.
pub(super) fn blocking_conditions(object: &DynamicObject) -> impl Iterator<Item = String> {
    let conditions = object.data.pointer("/status/conditions").and_then(serde_json::Value::as_array);
    let of_deletion = conditions.into_iter().flatten().filter(|condition| {
        condition["status"] == "True" && condition["type"].as_str().is_some_and(|name| name.starts_with("Namespace"))
    });
    of_deletion.filter_map(|condition| Some(condition["message"].as_str()?.to_owned()))
}
