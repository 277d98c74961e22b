//! Finding the pods that take part in a question.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams, core::ResourceExt};

use super::{Cluster, ClusterError, mesh_status::SIDECAR};

impl Cluster {
    /// The pods of a namespace with these labels.
    ///
    /// # Errors
    /// A failed request.
    pub async fn pods(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Result<Vec<Pod>, ClusterError> {
        let terms: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let parameters = ListParams::default().labels(&terms.join(","));
        let pods: Api<Pod> = Api::namespaced(self.client(), namespace);
        let found = pods.list(&parameters).await;
        Ok(found.map_err(ClusterError::request(format!("list the pods of {namespace}")))?.items)
    }
}

/// Whether the pod is a proxy and nothing else, as a gateway is.
pub fn is_proxy(pod: &Pod) -> bool {
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice());
    matches!(containers, Some([only]) if only.name == SIDECAR)
}

/// The pod of this name; without a namespace, in that of the client.
///
/// # Errors
/// A failed request; also if there is no such pod.
pub async fn named(client: kube::Client, namespace: Option<&str>, name: &str) -> Result<Pod, ClusterError> {
    let namespace = namespace.unwrap_or(client.default_namespace()).to_owned();
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    pods.get(name).await.map_err(ClusterError::request(format!("read Pod {namespace}/{name}")))
}

/// Whether the pod is ready and means to stay.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    pod.metadata.deletion_timestamp.is_none()
        && conditions.filter(|condition| condition.type_ == "Ready").any(|condition| condition.status == "True")
}

/// Whether the pod has done what it was there for.
pub fn is_over(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Succeeded")
}

/// Whether the pod runs and means to stay.
pub fn is_running(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none()
        && pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
}

/// Whether the pod has a container of this name; sidecars may be restartable init containers.
pub fn has_container(pod: &Pod, name: &str) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let restartable = spec.init_containers.iter().flatten();
    let restartable = restartable.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.containers.iter().chain(restartable).any(|container| container.name == name)
}

/// The pod's address, once it has one.
pub fn address(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.pod_ip.as_deref()
}

/// `foo/httpbin-7d4`, for messages.
pub fn name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
}
