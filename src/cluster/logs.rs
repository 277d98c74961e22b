//! Reading what a container wrote.

use std::time::Duration;

use futures::{AsyncBufReadExt, Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams};

use super::{Cluster, ClusterError, exec::ContainerRef};

impl Cluster {
    /// The last `count` lines of a container.
    ///
    /// # Errors
    /// A failed request.
    pub async fn last_lines(&self, container: &ContainerRef, count: i64) -> Result<Vec<String>, ClusterError> {
        let parameters =
            LogParams { container: Some(container.container.clone()), tail_lines: Some(count), ..LogParams::default() };
        Ok(self.read_log(container, &parameters).await?.lines().map(str::to_owned).collect())
    }

    /// Everything a container wrote since it started.
    ///
    /// # Errors
    /// A failed request.
    pub async fn log(&self, container: &ContainerRef) -> Result<String, ClusterError> {
        let parameters = LogParams { container: Some(container.container.clone()), ..LogParams::default() };
        self.read_log(container, &parameters).await
    }

    async fn read_log(&self, container: &ContainerRef, parameters: &LogParams) -> Result<String, ClusterError> {
        let pods: Api<Pod> = Api::namespaced(self.client(), &container.namespace);
        let doing = format!("read the log of {container}");
        pods.logs(&container.pod, parameters).await.map_err(ClusterError::request(doing))
    }

    /// The lines that a container wrote in the last `past`, and all that follow, until the container ends.
    ///
    /// The node's clock says when that was, so that ours may differ. Unit: whole seconds, rounded up.
    ///
    /// # Errors
    /// A failed request. A connection that breaks later ends the stream.
    pub async fn follow(
        &self,
        container: &ContainerRef,
        past: Duration,
    ) -> Result<impl Stream<Item = String> + use<>, ClusterError> {
        let parameters = LogParams {
            container: Some(container.container.clone()),
            follow: true,
            since_seconds: Some(past.as_secs() as i64 + 1),
            ..LogParams::default()
        };
        let pods: Api<Pod> = Api::namespaced(self.client(), &container.namespace);
        let lines = pods.log_stream(&container.pod, &parameters).await;
        let lines = lines.map_err(ClusterError::request(format!("follow the log of {container}")))?;
        Ok(lines
            .lines()
            .take_while(|line| std::future::ready(line.is_ok()))
            .filter_map(|line| std::future::ready(line.ok()))
            .boxed())
    }
}
