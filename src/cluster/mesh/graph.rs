//! The service graph, asked of the control plane by a command in its pod: the cluster's own rules say who may.

use std::{collections::BTreeMap, time::Duration};

use super::{MeshError, Presence};
use crate::{
    cluster::{Cluster, exec::ContainerRef, pods},
    mesh::{control_plane::GRAPH_PORT, graph::Graph, install::ROOT_NAMESPACE},
};

/// The container of the control plane.
const CONTAINER: &str = "control-plane";
/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

impl Cluster {
    /// Asks what all proxies have counted, as a graph.
    ///
    /// # Errors
    /// [`MeshError::Absent`], [`MeshError::Istio`], [`MeshError::NoGraph`], or a failed request.
    pub async fn mesh_graph(&self) -> Result<Graph, MeshError> {
        match self.mesh().await? {
            Presence::Labctl(_) => {}
            Presence::Istio(by) => return Err(MeshError::Istio(by)),
            Presence::Absent => return Err(MeshError::Absent),
        }
        let labels = BTreeMap::from([("app".to_owned(), super::control_plane().name)]);
        let found = self.pods(ROOT_NAMESPACE, &labels).await?.into_iter().find(pods::is_ready);
        let pod = found.ok_or_else(|| MeshError::NoGraph("no replica of the control plane is ready".to_owned()))?;
        let container = ContainerRef {
            namespace: ROOT_NAMESPACE.to_owned(),
            pod: pod.metadata.name.unwrap_or_default(),
            container: CONTAINER.to_owned(),
        };
        let url = format!("http://127.0.0.1:{GRAPH_PORT}/graph");
        let command = ["curl", "-sS", "--fail", &url].map(str::to_owned);
        let executed = self.exec(&container, &command, PATIENCE).await?;
        if executed.code != 0 {
            return Err(MeshError::NoGraph(executed.stderr.trim().to_owned()));
        }
        serde_json::from_str(&executed.stdout).map_err(|error| MeshError::NoGraph(error.to_string()))
    }
}
