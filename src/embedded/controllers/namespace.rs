//! Namespaces on their way out: everything inside is deleted, then the namespace itself.

mod conditions;

use std::{sync::Arc, time::Duration};

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Resource as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

use self::conditions::{Left, conditions};
use super::{
    Shared,
    graph::{Graph, Kind},
    queue::Outcome,
};

/// When to look again for objects that slipped in during the deletion.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Brings the deletion of one namespace a step further.
pub(super) async fn reconcile(shared: Arc<Shared>, graph: Arc<Graph>, name: String) -> Outcome {
    let Some(namespace) = shared.informers.namespaces.get("", &name) else { return Ok(None) };
    if namespace.metadata.deletion_timestamp.is_none() {
        return Ok(None);
    }
    let turn = Turn { shared: &shared, name: &name };
    let kinds = graph.kinds_in(&name);
    if !kinds.is_empty() {
        // What goes brings us back here.
        turn.delete(&kinds).await?;
        let left = turn.objects_left(&kinds).await?;
        if !left.is_empty() {
            turn.tell(&namespace, &left).await?;
        }
        return Ok(None);
    }
    // The graph sees nothing any more; it may be behind, and does not know all, so the server has the last word.
    let all = graph.namespaced_kinds();
    let left = turn.still_there(&all).await?;
    turn.delete(&left).await?;
    if !left.is_empty() && !turn.still_there(&left).await?.is_empty() {
        return Ok(Some(LOOK_AGAIN));
    }
    turn.finalize(&namespace).await
}

struct Turn<'a> {
    shared: &'a Shared,
    name: &'a str,
}

impl Turn<'_> {
    async fn delete(&self, kinds: &[Arc<Kind>]) -> kube::Result<()> {
        try_join_all(kinds.iter().map(|kind| async {
            let api = kind.api(self.shared.client.clone(), self.name);
            match api.delete_collection(&DeleteParams::default(), &ListParams::default()).await {
                // A definition that went away took its objects along; a kind without this verb is deleted one by one.
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                other => other.map(drop),
            }
        }))
        .await
        .map(drop)
    }

    /// The objects of some kinds that take their time to go.
    async fn objects_left(&self, kinds: &[Arc<Kind>]) -> kube::Result<Vec<Left>> {
        let found = try_join_all(kinds.iter().map(|kind| async {
            let api = kind.api(self.shared.client.clone(), self.name);
            match api.list(&ListParams::default()).await {
                Ok(list) => Ok(list.items.into_iter().map(|object| Left::new(kind, object.meta())).collect()),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    /// Writes down what the deletion waits for.
    async fn tell(&self, namespace: &Namespace, left: &[Left]) -> kube::Result<()> {
        let known = namespace.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let conditions = conditions(known, left);
        if conditions == known {
            return Ok(());
        }
        let api: Api<Namespace> = Api::all(self.shared.client.clone());
        let patch = Patch::Merge(json!({"status": {"conditions": conditions}}));
        match api.patch_status(self.name, &PatchParams::default(), &patch).await {
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            other => other.map(drop),
        }
    }

    async fn still_there(&self, kinds: &[Arc<Kind>]) -> kube::Result<Vec<Arc<Kind>>> {
        let found = try_join_all(kinds.iter().map(|kind| async {
            let api = kind.api(self.shared.client.clone(), self.name);
            match api.list(&ListParams::default().limit(1)).await {
                Ok(list) => Ok((!list.items.is_empty()).then(|| kind.clone())),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
                Err(error) => Err(error),
            }
        }))
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Tells the server that the namespace is empty; it goes unless somebody else has a finalizer on it.
    async fn finalize(&self, namespace: &Namespace) -> Outcome {
        let mut next = namespace.clone();
        let finalizers = next.spec.get_or_insert_default().finalizers.get_or_insert_default();
        if !finalizers.iter().any(|finalizer| finalizer == "kubernetes") {
            return Ok(None);
        }
        finalizers.retain(|finalizer| finalizer != "kubernetes");
        if !finalizers.is_empty() {
            self.tell(namespace, &[]).await?;
        }
        let api: Api<Namespace> = Api::all(self.shared.client.clone());
        // What has been told meanwhile is no reason to come back.
        next.metadata.resource_version = None;
        let finalized: kube::Result<Namespace> =
            api.replace_subresource("finalize", self.name, &PostParams::default(), &next).await;
        match finalized {
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
            other => other.map(|_| None),
        }
    }
}
