//! Changing objects of this run: labels, annotations, replicas, a restart.

use std::collections::BTreeMap;

use kube::{
    api::{Patch, PatchParams},
    core::DynamicObject,
};
use serde_json::json;

use super::{Clash, Cluster, ClusterError, ObjectRef, labels};

/// The annotation by which `kubectl rollout restart` makes a new pod template.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

impl Cluster {
    /// Sets labels of an object of this run; `None` removes one.
    ///
    /// # Errors
    /// There is no such object, it is somebody else's, or the request failed.
    pub async fn label(
        &self,
        object: &ObjectRef,
        values: &BTreeMap<String, Option<String>>,
    ) -> Result<DynamicObject, ClusterError> {
        self.change("label", object, json!({"metadata": {"labels": values}})).await
    }

    /// Sets annotations of an object of this run; `None` removes one.
    ///
    /// # Errors
    /// As [`Cluster::label`].
    pub async fn annotate(
        &self,
        object: &ObjectRef,
        values: &BTreeMap<String, Option<String>>,
    ) -> Result<DynamicObject, ClusterError> {
        self.change("annotate", object, json!({"metadata": {"annotations": values}})).await
    }

    /// Sets how many pods a Deployment of this run has.
    ///
    /// # Errors
    /// As [`Cluster::label`].
    pub async fn scale(&self, object: &ObjectRef, replicas: u32) -> Result<DynamicObject, ClusterError> {
        self.change("scale", object, json!({"spec": {"replicas": replicas}})).await
    }

    /// Makes a Deployment of this run replace its pods.
    ///
    /// # Errors
    /// As [`Cluster::label`].
    pub async fn restart(&self, object: &ObjectRef) -> Result<DynamicObject, ClusterError> {
        let now = jiff::Timestamp::now().to_string();
        let template = json!({"metadata": {"annotations": {RESTARTED_AT: now}}});
        self.change("restart", object, json!({"spec": {"template": template}})).await
    }

    async fn change(
        &self,
        verb: &str,
        object: &ObjectRef,
        change: serde_json::Value,
    ) -> Result<DynamicObject, ClusterError> {
        let doing = format!("{verb} {object}");
        let found = self.find(object).await?.ok_or_else(|| ClusterError::absent(&doing))?;
        if !self.run.owns(found.metadata.labels.as_ref()) {
            return Err(ClusterError::Clash(vec![Clash::of(object.clone(), &found)]));
        }
        let kind = self.kind(&object.api_version, &object.kind).await?;
        let as_us = PatchParams { field_manager: Some(labels::MANAGER.to_owned()), ..PatchParams::default() };
        let api = kind.api(self.client(), object.namespace.as_deref());
        api.patch(&object.name, &as_us, &Patch::Merge(change)).await.map_err(ClusterError::request(doing))
    }
}
