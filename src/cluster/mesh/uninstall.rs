//! Taking our mesh away, and proving that nothing of it is left.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod, Secret, Service},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Preconditions, PropagationPolicy},
    core::{DynamicObject, ObjectMeta},
};
use serde::Serialize;

use super::{MeshError, install::Planned, is_managed, run_of};
use crate::{
    cluster::{
        Cluster, ClusterError, ObjectRef, Patience,
        apply::rank,
        kinds::Kind,
        labels,
        mesh_status::{POLICIES, SIDECAR, STATUS},
        pods,
        wait::{Progress, named, until},
    },
    mesh::{control_plane::trust, inject::STATUS_ANNOTATION, install::ROOT_NAMESPACE},
};

/// The Secret that holds the mesh's root.
const ROOT_SECRET: &str = "istio-ca-secret";
/// What Kubernetes itself puts into every namespace.
const OF_KUBERNETES: &str = "kube-root-ca.crt";
const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";

/// What became of the mesh's objects.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Removal {
    /// What is gone, in the order in which it went.
    pub removed: Vec<ObjectRef>,
    /// What stays because somebody else brought it, or put something into it.
    pub kept: Vec<ObjectRef>,
}

impl Cluster {
    /// Removes everything that is ours of the mesh, the last first; with `even_if_used`, also from under running pods.
    ///
    /// # Errors
    /// [`MeshError::Absent`], [`MeshError::OfARun`] or [`MeshError::InUse`] before anything is touched; then what could
    /// not be removed.
    pub async fn uninstall_mesh(
        &self,
        manifests: Vec<DynamicObject>,
        even_if_used: bool,
        patience: &Patience,
    ) -> Result<Removal, MeshError> {
        let present = self.present(&manifests).await?.into_iter();
        let (ours, theirs): (Vec<_>, Vec<_>) = present.partition(|planned| !planned.is_kept());
        let found = ours.iter().filter_map(|planned| planned.found.as_ref());
        if let Some(run) = found.filter_map(|found| run_of(found.metadata.labels.as_ref())).next() {
            return Err(MeshError::OfARun(run));
        }
        if ours.is_empty() {
            return Err(MeshError::Absent);
        }
        if !even_if_used {
            self.check_unused(&ours).await?;
        }
        let mut removal = Removal { kept: theirs.iter().map(Planned::reference).collect(), ..Removal::default() };
        self.remove(ours, &mut removal, patience).await?;
        let left = self.present(&manifests).await?.iter().map(Planned::reference).collect::<Vec<_>>();
        let left: Vec<_> = left.into_iter().filter(|object| !removal.kept.contains(object)).collect();
        if left.is_empty() { Ok(removal) } else { Err(MeshError::Left(left)) }
    }

    /// Those of the mesh's objects that are there, with whose they are.
    async fn present(&self, manifests: &[DynamicObject]) -> Result<Vec<Planned>, MeshError> {
        let mut present = Vec::new();
        for object in manifests.iter().cloned() {
            let found = self.find(&ObjectRef::of(&object)).await?;
            let ours = found.as_ref().is_some_and(|found| is_managed(found.metadata.labels.as_ref()));
            let planned = Planned { object, found };
            if ours || planned.is_kept() {
                present.push(planned);
            }
        }
        Ok(present)
    }

    async fn remove(
        &self,
        mut ours: Vec<Planned>,
        removal: &mut Removal,
        patience: &Patience,
    ) -> Result<(), MeshError> {
        ours.sort_by_key(|planned| std::cmp::Reverse(rank(&planned.object)));
        let (namespaces, others): (Vec<_>, Vec<_>) = ours.into_iter().partition(is_namespace);
        for planned in &others {
            self.remove_one(&planned.reference(), patience).await?;
            removal.removed.push(planned.reference());
        }
        // The control plane is gone: nobody writes these again.
        for left in self.written_by_control_plane().await? {
            self.remove_one(&left, patience).await?;
            removal.removed.push(left);
        }
        for namespace in &namespaces {
            if self.is_inhabited(&namespace.object.name_any()).await? {
                removal.kept.push(namespace.reference());
            } else {
                self.remove_one(&namespace.reference(), patience).await?;
                removal.removed.push(namespace.reference());
            }
        }
        Ok(())
    }

    /// Deletes one object, as far as it is ours, and waits until it is gone.
    async fn remove_one(&self, object: &ObjectRef, patience: &Patience) -> Result<(), ClusterError> {
        let found = match self.find(object).await {
            Ok(Some(found)) if is_managed(found.metadata.labels.as_ref()) => found,
            Ok(_) | Err(ClusterError::UnknownKind { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let kind = self.kind(&object.api_version, &object.kind).await?;
        let api = kind.api(self.client(), object.namespace.as_deref());
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { uid: found.uid(), resource_version: None }),
            // A Deployment is gone when its pods are.
            propagation_policy: Some(PropagationPolicy::Foreground),
            ..DeleteParams::default()
        };
        match api.delete(&object.name, &parameters).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(error) => return Err(ClusterError::request(format!("delete {object}"))(error)),
        }
        let waiting_for = format!("{object} to be deleted");
        until(api, named(&object.name), &waiting_for, patience, |state| {
            match state.values().find(|there| there.uid() == found.uid()) {
                None => Progress::Done(()),
                Some(there) if !there.finalizers().is_empty() => {
                    Progress::Waiting(format!("it is held by {}", there.finalizers().join(", ")))
                }
                Some(_) => Progress::Waiting("it is still there".to_owned()),
            }
        })
        .await
    }

    /// What the control plane has made: roots in all namespaces, its root's key, its status.
    async fn written_by_control_plane(&self) -> Result<Vec<ObjectRef>, ClusterError> {
        let ours = ListParams::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGER));
        let maps: Api<ConfigMap> = Api::all(self.client());
        let maps = maps.list(&ours).await.map_err(ClusterError::request("list the ConfigMaps"))?;
        let secrets: Api<Secret> = Api::namespaced(self.client(), ROOT_NAMESPACE);
        let doing = format!("list the Secrets of {ROOT_NAMESPACE}");
        let secrets = secrets.list(&ours).await.map_err(ClusterError::request(doing))?;
        let maps = maps.items.into_iter().map(|map| map.metadata).filter(|metadata| match metadata.name.as_deref() {
            Some(trust::CONFIG_MAP) => true,
            Some(STATUS) => metadata.namespace.as_deref() == Some(ROOT_NAMESPACE),
            _ => false,
        });
        let secrets = secrets.items.into_iter().map(|secret| secret.metadata);
        let secrets = secrets.filter(|metadata| metadata.name.as_deref() == Some(ROOT_SECRET));
        Ok(maps.map(|it| core("ConfigMap", it)).chain(secrets.map(|it| core("Secret", it))).collect())
    }

    /// Whether something in the namespace is neither ours nor Kubernetes' own.
    async fn is_inhabited(&self, namespace: &str) -> Result<bool, ClusterError> {
        let all = ListParams::default();
        let doing = || ClusterError::request(format!("list what is in {namespace}"));
        let deployments = Api::<Deployment>::namespaced(self.client(), namespace).list(&all).await.map_err(doing())?;
        let pods = Api::<Pod>::namespaced(self.client(), namespace).list(&all).await.map_err(doing())?;
        let services = Api::<Service>::namespaced(self.client(), namespace).list(&all).await.map_err(doing())?;
        let maps = Api::<ConfigMap>::namespaced(self.client(), namespace).list(&all).await.map_err(doing())?;
        let secrets = Api::<Secret>::namespaced(self.client(), namespace).list(&all).await.map_err(doing())?;
        let maps = maps.items.iter().filter(|map| map.name_any() != OF_KUBERNETES).map(|map| &map.metadata);
        let secrets = secrets.items.iter().filter(|secret| secret.type_.as_deref() != Some(SERVICE_ACCOUNT_TOKEN));
        let mut all = deployments
            .items
            .iter()
            .map(|it| &it.metadata)
            .chain(pods.items.iter().map(|it| &it.metadata))
            .chain(services.items.iter().map(|it| &it.metadata))
            .chain(maps)
            .chain(secrets.map(|it| &it.metadata));
        Ok(all.any(|metadata| metadata.deletion_timestamp.is_none() && !is_managed(metadata.labels.as_ref())))
    }

    /// Makes sure that no pod depends on the mesh, and that nothing goes with the definitions among `ours`.
    async fn check_unused(&self, ours: &[Planned]) -> Result<(), MeshError> {
        let pods = self.injected_pods().await?.iter().map(pods::name).collect::<Vec<_>>();
        let definitions: Vec<String> = ours.iter().map(|planned| planned.object.name_any()).collect();
        let mut resources = Vec::new();
        for (api_version, kind_name) in POLICIES {
            let kind = match self.kind(api_version, kind_name).await {
                Err(ClusterError::UnknownKind { .. }) => continue,
                other => other?,
            };
            if definitions.contains(&definition(&kind)) {
                let listed = kind.everywhere(self.client()).list(&ListParams::default()).await;
                let listed = listed.map_err(ClusterError::request(format!("list {kind_name}")))?;
                let reference = |metadata: ObjectMeta| ObjectRef {
                    api_version: api_version.to_owned(),
                    kind: kind_name.to_owned(),
                    namespace: metadata.namespace,
                    name: metadata.name.unwrap_or_default(),
                };
                resources.extend(listed.items.into_iter().map(|object| reference(object.metadata)));
            }
        }
        if pods.is_empty() && resources.is_empty() { Ok(()) } else { Err(MeshError::InUse { pods, resources }) }
    }

    /// The pods that run with a sidecar of ours, of all namespaces.
    pub(super) async fn injected_pods(&self) -> Result<Vec<Pod>, ClusterError> {
        let all: Api<Pod> = Api::all(self.client());
        let listed = all.list(&ListParams::default()).await.map_err(ClusterError::request("list the pods"))?;
        let injected = |pod: &Pod| {
            pod.annotations().contains_key(STATUS_ANNOTATION)
                && pods::has_container(pod, SIDECAR)
                && pod.metadata.deletion_timestamp.is_none()
                && !pods::is_over(pod)
        };
        Ok(listed.items.into_iter().filter(injected).collect())
    }
}

fn is_namespace(planned: &Planned) -> bool {
    planned.object.types.as_ref().is_some_and(|types| types.kind == "Namespace")
}

/// The name of the definition of a kind.
fn definition(kind: &Kind) -> String {
    format!("{}.{}", kind.resource.plural, kind.resource.group)
}

fn core(kind: &str, metadata: ObjectMeta) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        namespace: metadata.namespace,
        name: metadata.name.unwrap_or_default(),
    }
}
