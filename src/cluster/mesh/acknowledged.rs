//! Whether a proxy works with what the cluster says it should.

use crate::{
    cluster::{Cluster, ClusterError},
    mesh::explain::auth::AuthCheck,
};

/// Whether a proxy works with a configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Acknowledged {
    /// It has said so.
    Yes,
    /// It works with another one, or with none yet.
    No(Option<String>),
    /// Its mesh does not tell.
    Untold,
}

impl Cluster {
    /// Whether the proxy has acknowledged the configuration that was computed from what the cluster holds.
    ///
    /// # Errors
    /// A failed request.
    pub async fn acknowledged(&self, check: &AuthCheck) -> Result<Acknowledged, ClusterError> {
        let published = self.published_mesh_status().await?;
        let Some(published) = published.filter(|_| check.sidecar) else { return Ok(Acknowledged::Untold) };
        let mut proxies = published.status.proxies.into_iter();
        let own = proxies.find(|proxy| proxy.namespace == check.namespace && proxy.pod == check.pod);
        // What a gateway works with holds Secrets too, which are not read here: its own word must do.
        let works = own.as_ref().is_some_and(|proxy| match check.gateway {
            true => proxy.is_synced(),
            false => proxy.acknowledged.as_ref() == Some(&check.configuration),
        });
        let version = own.and_then(|proxy| proxy.acknowledged);
        Ok(if works { Acknowledged::Yes } else { Acknowledged::No(version) })
    }
}
