//! Server-side apply of rendered objects, in an order in which each finds what it needs.

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{Patch, PatchParams},
    core::{DynamicObject, ResourceExt},
    runtime::wait::{Condition, conditions},
};

use super::{
    Clash, Cluster, ClusterError, ObjectRef, Patience, labels,
    wait::{Progress, named, until},
};

/// How many requests are under way at once.
pub(super) const AT_ONCE: usize = 16;

impl Cluster {
    /// Makes sure that none of `objects` is on the cluster as somebody else's.
    ///
    /// Objects in a namespace that is among `objects` and not on the cluster yet cannot be there either; nobody is asked.
    ///
    /// # Errors
    /// [`ClusterError::Clash`] with all of them, or a failed request.
    pub async fn check_clashes(&self, objects: &[DynamicObject]) -> Result<(), ClusterError> {
        let (namespaces, others): (Vec<_>, Vec<_>) = objects.iter().partition(|object| kind(object) == "Namespace");
        let (definitions, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|object| is_definition(object));
        let mut clashes = self.foreign(namespaces.iter().chain(&definitions).copied()).await?;
        let made_here = |object: &&&DynamicObject| {
            let own = |namespace: &&DynamicObject| Some(namespace.name_any()) == object.namespace();
            namespaces.iter().any(own)
                && !clashes.iter().any(|clash| Some(&clash.object.name) == object.namespace().as_ref())
        };
        let elsewhere: Vec<_> = others.iter().filter(|object| !made_here(object)).copied().collect();
        clashes.extend(self.foreign(elsewhere.into_iter()).await?);
        clashes.sort();
        clashes.dedup();
        if clashes.is_empty() { Ok(()) } else { Err(ClusterError::Clash(clashes)) }
    }

    /// Which of `objects` are there and not ours.
    async fn foreign(&self, objects: impl Iterator<Item = &DynamicObject>) -> Result<Vec<Clash>, ClusterError> {
        let references: Vec<ObjectRef> = objects.map(ObjectRef::of).collect();
        let asked = stream::iter(references).map(|object| async move {
            let found = match self.kind(&object.api_version, &object.kind).await {
                Ok(_) => self.find(&object).await?,
                Err(ClusterError::UnknownKind { .. }) => None,
                Err(error) => return Err(error),
            };
            let foreign = found.filter(|found| !self.run.owns(found.metadata.labels.as_ref()));
            Ok(foreign.map(|found| Clash::of(object, &found)))
        });
        asked.buffer_unordered(AT_ONCE).try_filter_map(|clash| async { Ok(clash) }).try_collect().await
    }

    /// Reads an object; `None` if there is none.
    ///
    /// # Errors
    /// An unknown kind or a failed request.
    pub async fn find(&self, object: &ObjectRef) -> Result<Option<DynamicObject>, ClusterError> {
        let kind = self.kind(&object.api_version, &object.kind).await?;
        let api = kind.api(self.client(), object.namespace.as_deref());
        api.get_opt(&object.name).await.map_err(ClusterError::request(format!("read {object}")))
    }

    /// Applies `objects` with this run's labels: namespaces, then definitions (until they are established), then what
    /// others refer to, then the rest, webhooks last. Answers what the cluster made of them.
    ///
    /// # Errors
    /// The first refusal. What was created before it stands in the ledger.
    pub async fn apply(
        &self,
        objects: Vec<DynamicObject>,
        patience: &Patience,
    ) -> Result<Vec<DynamicObject>, ClusterError> {
        let batch = self.ledger().open();
        let mut ranked: Vec<(u8, DynamicObject)> = objects.into_iter().map(|object| (rank(&object), object)).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let mut applied = Vec::with_capacity(ranked.len());
        for same_rank in ranked.chunk_by(|(left, _), (right, _)| left == right) {
            let requests = stream::iter(same_rank).map(|(_, object)| self.apply_one(batch, object.clone()));
            let answers: Vec<DynamicObject> = requests.buffered(AT_ONCE).try_collect().await?;
            self.establish(&answers, patience).await?;
            applied.extend(answers);
        }
        Ok(applied)
    }

    async fn apply_one(&self, batch: usize, mut object: DynamicObject) -> Result<DynamicObject, ClusterError> {
        self.run.mark(object.labels_mut());
        if let Some(lab) = &self.lab {
            object.labels_mut().insert(labels::LAB.to_owned(), lab.clone());
        }
        let types = object.types.clone().unwrap_or_default();
        let kind = self.kind(&types.api_version, &types.kind).await?;
        if kind.namespaced && object.metadata.namespace.is_none() {
            object.metadata.namespace = Some("default".to_owned());
        }
        let reference = ObjectRef::of(&object);
        self.check_still_free(&reference).await?;
        self.ledger().intend(batch, &reference);
        let force = PatchParams::apply(labels::MANAGER).force();
        let api = kind.api(self.client(), reference.namespace.as_deref());
        let name = reference.name.clone();
        // Whoever is interrupted here lets the request end by itself: a clean-up that did not know how it ended could
        // look for the object too early.
        let request = self.requests.spawn(async move { api.patch(&name, &force, &Patch::Apply(&object)).await });
        let doing = format!("apply {reference}");
        let failed = |error: tokio::task::JoinError| ClusterError::Request {
            doing: doing.clone(),
            why: error.to_string(),
            status: None,
        };
        let answer = request.await.map_err(failed)?.map_err(ClusterError::request(&doing))?;
        self.ledger().created(&reference, answer.uid());
        Ok(answer)
    }

    /// Looks once more, right before an object is first applied: somebody may have made one of its name in the meantime.
    async fn check_still_free(&self, object: &ObjectRef) -> Result<(), ClusterError> {
        if self.ledger().knows(object) {
            return Ok(());
        }
        match self.find(object).await? {
            Some(found) if !self.run.owns(found.metadata.labels.as_ref()) => {
                Err(ClusterError::Clash(vec![Clash::of(object.clone(), &found)]))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Waits until the definitions among `objects` are served, and learns their kinds.
    pub(super) async fn establish(&self, objects: &[DynamicObject], patience: &Patience) -> Result<(), ClusterError> {
        for object in objects.iter().filter(|object| is_definition(object)) {
            let name = object.name_any();
            let api: Api<CustomResourceDefinition> = Api::all(self.client());
            let waiting_for = format!("CustomResourceDefinition {name} to be established");
            let definition = until(api, named(&name), &waiting_for, patience, |state| {
                match state.values().find(|found| conditions::is_crd_established().matches_object(Some(found))) {
                    Some(definition) => Progress::Done(definition.clone()),
                    None => Progress::Waiting("it is not established yet".to_owned()),
                }
            });
            self.kinds.learn(&definition.await?);
        }
        Ok(())
    }
}

fn kind(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| &types.kind)
}

fn is_definition(object: &DynamicObject) -> bool {
    kind(object) == "CustomResourceDefinition"
}

/// The place of an object in the order of creation; deletion goes the other way.
pub(super) fn rank(object: &DynamicObject) -> u8 {
    rank_of(kind(object))
}

/// As [`rank`], for the name of a kind.
pub(super) fn rank_of(kind: &str) -> u8 {
    match kind {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "ClusterRole" | "ConfigMap" | "Role" | "Secret" | "ServiceAccount" => 2,
        "ClusterRoleBinding" | "RoleBinding" | "Service" => 3,
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => 5,
        _ => 4,
    }
}
