//! Clusters that are there before and after a run: one of the test's own process, and a real one if there is one.

use std::fs;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, config::Kubeconfig};
use labctl::cluster::{Cluster, Connection, RunId, Target, connect};
use tempfile::TempDir;

use crate::real_cluster;

/// A cluster that is there.
pub struct Other {
    connection: Connection,
    folder: TempDir,
    /// Makes names of this test, so that others can use the same cluster.
    tag: String,
}

impl Other {
    /// One in this process, known to others by a kubeconfig.
    pub async fn embedded() -> Self {
        Self::of(connect(&Target::Embedded).await.unwrap())
    }

    /// The real one, if there is one.
    pub async fn real(test: &str) -> Option<Self> {
        let target = Target::Kubernetes { kubeconfig: Some(real_cluster::kubeconfig(test)?), context: None };
        Some(Self::of(connect(&target).await.unwrap()))
    }

    fn of(connection: Connection) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = serde_yaml::to_string(connection.kubeconfig()).unwrap();
        fs::write(folder.path().join("kubeconfig"), text).unwrap();
        let tag = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
        Self { connection, folder, tag }
    }

    pub fn client(&self) -> kube::Client {
        self.connection.client()
    }

    pub fn kubeconfig(&self) -> &Kubeconfig {
        self.connection.kubeconfig()
    }

    /// The file of its kubeconfig.
    pub fn file(&self) -> String {
        self.folder.path().join("kubeconfig").to_str().unwrap().to_owned()
    }

    /// A name that nobody else has on this cluster.
    pub fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.tag)
    }

    /// A run whose id nobody else has.
    pub fn run(&self, id: &str) -> Cluster {
        Cluster::new(self.client(), RunId::known(self.name(id)))
    }

    /// A text of this cluster as it would read on any.
    pub fn anonymous(&self, text: &str) -> String {
        text.replace(&format!("-{}", self.tag), "").replace(&self.file(), "<FILE>")
    }

    pub async fn has_namespace(&self, name: &str) -> bool {
        Api::<Namespace>::all(self.client()).get_opt(name).await.unwrap().is_some()
    }

    pub async fn test(self, test: impl AsyncFnOnce(&Self)) {
        test(&self).await;
        self.end().await;
    }

    pub async fn end(self) {
        self.connection.close().await;
    }
}
