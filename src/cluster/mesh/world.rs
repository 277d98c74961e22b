//! The mesh of a running cluster as its control plane sees it, ready to be asked.

use futures::future::try_join_all;
use kube::api::ListParams;
use serde_json::Value;

use super::{MeshError, Presence};
use crate::{
    cluster::{Cluster, ClusterError, mesh_status::POLICIES},
    mesh::{install::ROOT_NAMESPACE, policy::Index, registry::Registry, snapshot::Settings},
};

/// What the mesh is made of besides its policies.
const MEMBERS: [(&str, &str); 3] = [("v1", "Namespace"), ("v1", "Pod"), ("v1", "Service")];

impl Cluster {
    /// Reads the pods, Services and policies of the whole cluster, and indexes them for questions.
    ///
    /// # Errors
    /// [`MeshError::Absent`] if there is no mesh, or a failed request.
    pub async fn mesh_index(&self) -> Result<Index, MeshError> {
        let trust_domain = match self.mesh().await? {
            Presence::Labctl(installed) => installed.trust_domain,
            Presence::Istio(_) => self.istio().await?,
            Presence::Absent => return Err(MeshError::Absent),
        };
        Ok(self.mesh_index_of(&trust_domain).await?)
    }

    /// The same, where the mesh's trust domain is known.
    ///
    /// # Errors
    /// A failed request.
    pub async fn mesh_index_of(&self, trust_domain: &str) -> Result<Index, ClusterError> {
        let settings = Settings {
            root_namespace: ROOT_NAMESPACE.to_owned(),
            trust_domain: trust_domain.to_owned(),
            ..Settings::default()
        };
        let kinds = MEMBERS.iter().chain(&POLICIES);
        let lists = try_join_all(kinds.map(|&(api_version, kind)| self.objects_of(api_version, kind))).await?;
        let mut registry = Registry::live(settings);
        for object in lists.iter().flatten() {
            // What cannot be read, the control plane leaves out too, and says so in its log.
            let _ = registry.add(object, None);
        }
        Ok(Index::new(registry.finish()))
    }

    /// All objects of a kind; none if the cluster does not know it.
    async fn objects_of(&self, api_version: &str, kind: &str) -> Result<Vec<Value>, ClusterError> {
        let found = match self.kind(api_version, kind).await {
            Err(ClusterError::UnknownKind { .. }) => return Ok(Vec::new()),
            other => other?,
        };
        let listed = found.everywhere(self.client()).list(&ListParams::default()).await;
        let objects = listed.map_err(ClusterError::request(format!("list {kind}")))?.items.into_iter();
        let value = |object| {
            let mut value = serde_json::to_value(object).expect("it was read from JSON");
            value["apiVersion"] = api_version.into();
            value["kind"] = kind.into();
            value
        };
        Ok(objects.map(value).collect())
    }
}
