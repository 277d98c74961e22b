//! Waiting until what a run deployed is up, and saying what keeps it down.

use std::collections::BTreeSet;

use futures::future::{Either, select, try_join_all};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{Api, core::ResourceExt, runtime::watcher};

use super::{
    Cluster, ClusterError, ObjectRef, Patience, diagnose,
    pods::{is_over, is_ready},
    wait::{Progress, State, until},
};

impl Cluster {
    /// Waits until all Deployments and Pods that this run has created are up.
    ///
    /// # Errors
    /// [`ClusterError::Hopeless`] if an image cannot be had, [`ClusterError::Late`] after the deadline; both name the
    /// containers that are not ready, with their reasons, last events and last log lines.
    pub async fn until_ready(&self, patience: &Patience) -> Result<(), ClusterError> {
        let selector = self.run().selector();
        let selector = selector.as_str();
        let waits = self
            .namespaces_with_pods()
            .into_iter()
            .map(|namespace| async move { self.until_up(&namespace, selector, patience).await });
        try_join_all(waits).await.map(|_| ())
    }

    /// Waits until all Deployments and Pods of a namespace that match a label selector are up.
    ///
    /// # Errors
    /// As [`Cluster::until_ready`].
    pub(super) async fn until_up(
        &self,
        namespace: &str,
        selector: &str,
        patience: &Patience,
    ) -> Result<(), ClusterError> {
        let deployed = std::pin::pin!(self.until_deployed(namespace, selector, patience));
        let hopeless = std::pin::pin!(self.until_hopeless(namespace, patience));
        match select(deployed, hopeless).await {
            Either::Left((outcome, _)) | Either::Right((outcome, _)) => match outcome {
                Err(error) => Err(self.explain(error, namespace).await),
                Ok(()) => Ok(()),
            },
        }
    }

    fn namespaces_with_pods(&self) -> BTreeSet<String> {
        let entries = self.ledger().newest_first();
        let bearing = |object: &&ObjectRef| matches!(object.kind.as_str(), "Deployment" | "Pod");
        entries
            .iter()
            .flatten()
            .map(|entry| &entry.object)
            .filter(bearing)
            .filter_map(|it| it.namespace.clone())
            .collect()
    }

    async fn until_deployed(&self, namespace: &str, selector: &str, patience: &Patience) -> Result<(), ClusterError> {
        let ours = || watcher::Config::default().labels(selector);
        let deployments: Api<Deployment> = Api::namespaced(self.client(), namespace);
        let pods: Api<Pod> = Api::namespaced(self.client(), namespace);
        let waiting_for = format!("the pods of {namespace}");
        tokio::try_join!(
            until(deployments, ours(), &waiting_for, patience, |state| all(state, missing)),
            until(pods, ours(), &waiting_for, patience, |state| all(state, |pod| {
                (!is_ready(pod) && !is_over(pod)).then(|| format!("Pod {} is not ready", pod.name_any()))
            })),
        )?;
        Ok(())
    }

    /// Ends only when a pod of the namespace can never come up, or at the deadline.
    async fn until_hopeless(&self, namespace: &str, patience: &Patience) -> Result<(), ClusterError> {
        let pods: Api<Pod> = Api::namespaced(self.client(), namespace);
        let waiting_for = format!("the pods of {namespace}");
        // The other wait reports progress; this one only looks for a dead end.
        let quiet = Patience::silent(patience.left());
        until(pods, watcher::Config::default(), &waiting_for, &quiet, |state: &State<Pod>| {
            match state.values().find_map(diagnose::dead_end) {
                Some(why) => Progress::Hopeless(why),
                None => Progress::Waiting(String::new()),
            }
        })
        .await
    }

    /// Adds to an error of waiting what the pods of the namespace say.
    async fn explain(&self, error: ClusterError, namespace: &str) -> ClusterError {
        let details = || self.unready(namespace);
        match error {
            ClusterError::Hopeless { waiting_for, why } => {
                let why = details().await.unwrap_or(why);
                ClusterError::Hopeless { waiting_for, why }
            }
            ClusterError::Late { waiting_for, why } => {
                let why = details().await.unwrap_or(why);
                ClusterError::Late { waiting_for, why }
            }
            other => other,
        }
    }
}

fn all<K: Clone>(state: &State<K>, missing: impl Fn(&K) -> Option<String>) -> Progress<()> {
    let missing: Vec<String> = state.values().filter_map(missing).collect();
    if missing.is_empty() { Progress::Done(()) } else { Progress::Waiting(missing.join(", ")) }
}

/// What a Deployment lacks; nothing if all its pods are of the newest template and available.
fn missing(deployment: &Deployment) -> Option<String> {
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    let seen = status.observed_generation >= deployment.metadata.generation;
    let [updated, available, all] =
        [status.updated_replicas, status.available_replicas, status.replicas].map(Option::unwrap_or_default);
    let up = seen && updated == wanted && available == wanted && all == wanted;
    (!up).then(|| format!("Deployment {} has {available} of {wanted} pods", deployment.name_any()))
}
