//! Installing our mesh, or bringing the one that is there up to date.

use futures::future::try_join_all;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    core::DynamicObject,
};
use serde::Serialize;
use serde_json::Value;

use super::{MeshError, Presence, is_managed, run_of};
use crate::{
    cluster::{
        Cluster, ClusterError, ObjectRef, Patience,
        apply::rank,
        labels,
        wait::{Progress, State, named, until},
    },
    mesh::{
        control_plane::trust,
        install::{CONTROL_PLANE, ROOT_NAMESPACE, WEBHOOK_KINDS},
    },
};

/// What became of an object of the mesh.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was not there.
    Created,
    /// A definition that somebody else brought; it was not touched.
    Kept,
    /// It was as it should be.
    Unchanged,
    /// It was another.
    Updated,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Created => "created",
            Self::Kept => "kept",
            Self::Unchanged => "unchanged",
            Self::Updated => "updated",
        })
    }
}

/// An object of the mesh, and what became of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Applied {
    /// The object.
    #[serde(flatten)]
    pub object: ObjectRef,
    /// What became of it.
    pub change: Change,
}

/// An object of the mesh beside what the cluster has under its name.
pub(super) struct Planned {
    pub object: DynamicObject,
    pub found: Option<DynamicObject>,
}

impl Planned {
    pub fn reference(&self) -> ObjectRef {
        ObjectRef::of(&self.object)
    }

    /// Whether it is a definition that somebody else brought.
    pub fn is_kept(&self) -> bool {
        is_definition(&self.object) && self.is_foreign()
    }

    fn is_foreign(&self) -> bool {
        self.found.as_ref().is_some_and(|found| !is_managed(found.metadata.labels.as_ref()))
    }
}

impl Cluster {
    /// Applies the mesh's manifests; with `dry`, only answers what would become of each.
    ///
    /// # Errors
    /// [`MeshError`] before anything is touched if there is another mesh, or objects of somebody else; then the first
    /// request that failed.
    pub async fn install_mesh(
        &self,
        manifests: Vec<DynamicObject>,
        dry: bool,
        patience: &Patience,
    ) -> Result<Vec<Applied>, MeshError> {
        if let Presence::Istio(by) = self.mesh().await? {
            return Err(MeshError::Istio(by));
        }
        let mut planned = self.plan_mesh(manifests).await?;
        planned.sort_by_key(|planned| rank(&planned.object));
        let mut applied = Vec::with_capacity(planned.len());
        for planned in planned {
            applied.push(self.apply_planned(planned, dry, patience).await?);
        }
        Ok(applied)
    }

    /// Compares the mesh's manifests with what is there.
    ///
    /// # Errors
    /// [`MeshError::Foreign`], [`MeshError::OfARun`] or [`MeshError::Definition`] if others' objects are in the way.
    async fn plan_mesh(&self, manifests: Vec<DynamicObject>) -> Result<Vec<Planned>, MeshError> {
        let mut planned = Vec::with_capacity(manifests.len());
        for object in manifests {
            let found = self.find(&ObjectRef::of(&object)).await?;
            planned.push(Planned { object, found });
        }
        let clashes = planned.iter().filter(|planned| planned.is_foreign() && !planned.is_kept());
        let clashes: Vec<ObjectRef> = clashes.map(Planned::reference).collect();
        if !clashes.is_empty() {
            return Err(MeshError::Foreign(clashes));
        }
        let found = planned.iter().filter_map(|planned| planned.found.as_ref());
        if let Some(run) = found.filter_map(|found| run_of(found.metadata.labels.as_ref())).next() {
            return Err(MeshError::OfARun(run));
        }
        planned.iter().filter(|planned| planned.is_kept()).try_for_each(check_versions)?;
        Ok(planned)
    }

    /// Those of the mesh's manifests that a run has to apply: all but the definitions that somebody else brought.
    ///
    /// # Errors
    /// [`MeshError::Definition`] if one of these is of no use to our control plane, or a failed request.
    pub async fn own_mesh(&self, manifests: Vec<DynamicObject>) -> Result<Vec<DynamicObject>, MeshError> {
        let mut own = Vec::with_capacity(manifests.len());
        for object in manifests {
            if is_definition(&object) {
                let planned = Planned { found: self.find(&ObjectRef::of(&object)).await?, object };
                if planned.is_kept() {
                    check_versions(&planned)?;
                } else {
                    own.push(planned.object);
                }
            } else {
                own.push(object);
            }
        }
        Ok(own)
    }

    async fn apply_planned(&self, planned: Planned, dry: bool, patience: &Patience) -> Result<Applied, MeshError> {
        let reference = planned.reference();
        let change = |change| Applied { object: reference.clone(), change };
        if planned.is_kept() {
            return Ok(change(Change::Kept));
        }
        // In a namespace that is not there yet, a dry run would be refused.
        if dry && planned.found.is_none() {
            return Ok(change(Change::Created));
        }
        let kind = self.kind(&reference.api_version, &reference.kind).await?;
        let parameters = PatchParams { dry_run: dry, ..PatchParams::apply(labels::MANAGER).force() };
        let api = kind.api(self.client(), reference.namespace.as_deref());
        let answer = api.patch(&reference.name, &parameters, &Patch::Apply(&planned.object)).await;
        let answer = answer.map_err(ClusterError::request(format!("apply {reference}")))?;
        if !dry {
            self.establish(std::slice::from_ref(&answer), patience).await?;
        }
        Ok(change(match planned.found {
            None => Change::Created,
            Some(found) if essence(&found) == essence(&answer) => Change::Unchanged,
            Some(_) => Change::Updated,
        }))
    }

    /// Waits until the control plane runs, is the one that was asked for, and injects.
    ///
    /// # Errors
    /// [`ClusterError::Hopeless`] or [`ClusterError::Late`], with what its pods say.
    pub async fn until_mesh_ready(&self, patience: &Patience) -> Result<(), ClusterError> {
        self.until_up(ROOT_NAMESPACE, &format!("{}={}", labels::MANAGED_BY, labels::MANAGER), patience).await?;
        self.until_injecting(patience).await
    }

    /// Waits until the control plane has put its root certificate into its webhooks.
    ///
    /// # Errors
    /// [`ClusterError::Late`].
    pub async fn until_injecting(&self, patience: &Patience) -> Result<(), ClusterError> {
        let trusted = WEBHOOK_KINDS.into_iter().map(|kind| {
            let webhooks: Api<DynamicObject> = Api::all_with(self.client(), &trust::webhook_resource(kind));
            let waiting_for = "the control plane to take over injection";
            until(webhooks, named(CONTROL_PLANE), waiting_for, patience, |state: &State<DynamicObject>| {
                let mut bundles = state.values().flat_map(trust::bundles).peekable();
                match bundles.peek().is_some() && bundles.all(|bundle| bundle.is_some()) {
                    true => Progress::Done(()),
                    false => Progress::Waiting("its webhook has no root certificate yet".to_owned()),
                }
            })
        });
        try_join_all(trusted).await.map(drop)
    }
}

fn is_definition(object: &DynamicObject) -> bool {
    object.types.as_ref().is_some_and(|types| types.kind == "CustomResourceDefinition")
}

/// Whether a definition that is kept serves the version that the control plane reads.
fn check_versions(kept: &Planned) -> Result<(), MeshError> {
    let served = |object: &DynamicObject| -> Vec<String> {
        let definition: Option<CustomResourceDefinition> = object.clone().try_parse().ok();
        let versions = definition.into_iter().flat_map(|definition| definition.spec.versions);
        versions.filter(|version| version.served).map(|version| version.name).collect()
    };
    let stored = |object: &DynamicObject| {
        let definition: Option<CustomResourceDefinition> = object.clone().try_parse().ok();
        definition?.spec.versions.into_iter().find(|version| version.storage).map(|version| version.name)
    };
    let (Some(wanted), Some(found)) = (stored(&kept.object), kept.found.as_ref()) else { return Ok(()) };
    let served = served(found);
    if served.contains(&wanted) {
        return Ok(());
    }
    Err(MeshError::Definition { name: kept.object.name_any(), served, wanted })
}

/// An object without what changes by itself.
fn essence(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for volatile in ["managedFields", "resourceVersion", "generation"] {
            metadata.remove(volatile);
        }
    }
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
    }
    value
}
