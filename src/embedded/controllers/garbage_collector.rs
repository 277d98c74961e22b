//! Deletes what has lost its owners, and carries out foreground and orphaning deletions.

use std::sync::Arc;

use futures::future::try_join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{
    Client,
    api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy},
};
use serde_json::json;

use super::{
    graph::{Graph, Node, Uid},
    queue::Outcome,
};

/// The finalizer of an owner that goes after its dependents.
const FOREGROUND: &str = "foregroundDeletion";

/// The finalizer of an owner that leaves its dependents behind.
const ORPHAN: &str = "orphan";

/// Looks at one object, as an owner if it is about to go, else as a dependent.
pub(super) async fn reconcile(client: Client, graph: Arc<Graph>, uid: Uid) -> Outcome {
    let Some(node) = graph.find(&uid) else { return Ok(None) };
    let turn = Turn { client, graph: &graph, node: &node, uid: &uid };
    if node.is_terminating() && node.has_finalizer(FOREGROUND) {
        turn.delete_dependents().await?;
    } else if node.is_terminating() && node.has_finalizer(ORPHAN) {
        turn.orphan_dependents().await?;
    } else if !node.is_terminating() && !node.owners().is_empty() {
        turn.check_owners().await?;
    }
    Ok(None)
}

struct Turn<'a> {
    client: Client,
    graph: &'a Graph,
    node: &'a Node,
    uid: &'a str,
}

/// What an owner means for its dependent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Owner {
    /// It does not exist.
    Absent,
    /// It exists, and stays.
    Solid,
    /// It waits for its dependents to go first.
    Waiting,
}

impl Turn<'_> {
    async fn delete_dependents(&self) -> kube::Result<()> {
        let dependents = self.graph.dependents(self.uid);
        try_join_all(dependents.iter().filter(|one| !one.is_terminating()).map(|one| self.delete(one, None))).await?;
        let blocks = |owner: &OwnerReference| owner.uid == self.uid && owner.block_owner_deletion == Some(true);
        let blocked = dependents.iter().any(|one| one.owners().iter().any(blocks));
        if blocked { Ok(()) } else { self.remove_finalizer(FOREGROUND).await }
    }

    async fn orphan_dependents(&self) -> kube::Result<()> {
        let dependents = self.graph.dependents(self.uid);
        try_join_all(dependents.iter().map(|one| self.release(one, |owner| owner.uid == self.uid))).await?;
        self.remove_finalizer(ORPHAN).await
    }

    async fn check_owners(&self) -> kube::Result<()> {
        let owners = try_join_all(self.node.owners().iter().map(|owner| self.look_at(owner))).await?;
        if owners.contains(&Owner::Solid) {
            if owners.iter().all(|owner| *owner == Owner::Solid) {
                return Ok(());
            }
            let solid: Vec<&str> = self
                .node
                .owners()
                .iter()
                .zip(&owners)
                .filter(|(_, state)| **state == Owner::Solid)
                .map(|(owner, _)| owner.uid.as_str())
                .collect();
            return self.release(self.node, |owner| !solid.contains(&owner.uid.as_str())).await;
        }
        let waiting = owners.contains(&Owner::Waiting) && !self.graph.dependents(self.uid).is_empty();
        self.delete(self.node, waiting.then_some(PropagationPolicy::Foreground)).await
    }

    async fn look_at(&self, owner: &OwnerReference) -> kube::Result<Owner> {
        if let Some(node) = self.graph.find(&owner.uid) {
            let waiting = node.is_terminating() && node.has_finalizer(FOREGROUND);
            return Ok(if waiting { Owner::Waiting } else { Owner::Solid });
        }
        // The graph may be behind: only the server knows.
        let Some(kind) = self.graph.kind_of(owner) else { return Ok(Owner::Solid) };
        let namespace = self.node.metadata().namespace.as_deref().unwrap_or_default();
        let found = kind.api(self.client.clone(), namespace).get_opt(&owner.name).await?;
        let same = found.is_some_and(|found| kube::Resource::meta(&found).uid.as_deref() == Some(&owner.uid));
        Ok(if same { Owner::Solid } else { Owner::Absent })
    }

    /// Deletes `node`, by the policy its finalizers ask for if none is given.
    async fn delete(&self, node: &Node, policy: Option<PropagationPolicy>) -> kube::Result<()> {
        let own = if node.has_finalizer(ORPHAN) {
            PropagationPolicy::Orphan
        } else if node.has_finalizer(FOREGROUND) {
            PropagationPolicy::Foreground
        } else {
            PropagationPolicy::Background
        };
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { uid: node.metadata().uid.clone(), resource_version: None }),
            propagation_policy: Some(policy.unwrap_or(own)),
            ..DeleteParams::default()
        };
        gone_is_fine(node.api(self.client.clone()).delete(node.name(), &parameters).await.map(drop))
    }

    /// Takes the owners that `lost` chooses off an object.
    async fn release(&self, node: &Node, lost: impl Fn(&OwnerReference) -> bool) -> kube::Result<()> {
        let left: Vec<&OwnerReference> = node.owners().iter().filter(|owner| !lost(owner)).collect();
        self.patch(node, json!({"ownerReferences": left})).await
    }

    async fn remove_finalizer(&self, name: &str) -> kube::Result<()> {
        let finalizers = self.node.metadata().finalizers.iter().flatten();
        let left: Vec<&String> = finalizers.filter(|finalizer| *finalizer != name).collect();
        self.patch(self.node, json!({"finalizers": left})).await
    }

    /// Changes the metadata of an object, provided it is still the one we know.
    async fn patch(&self, node: &Node, mut metadata: serde_json::Value) -> kube::Result<()> {
        metadata["uid"] = json!(node.metadata().uid);
        metadata["resourceVersion"] = json!(node.metadata().resource_version);
        let patch = Patch::Merge(json!({"metadata": metadata}));
        let patched = node.api(self.client.clone()).patch(node.name(), &PatchParams::default(), &patch).await;
        match patched {
            // Somebody else has changed it: the change brings it back to us.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            other => other.map(drop),
        }
    }
}

fn gone_is_fine(result: kube::Result<()>) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        other => other,
    }
}
