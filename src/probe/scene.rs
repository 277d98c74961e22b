//! Who is there right now: the pods of the participants, looked up once for a round of questions.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::core::ResourceExt;

use crate::{
    cluster::{Cluster, ClusterError, exec::ContainerRef, mesh_status::SIDECAR, pods},
    lab::model::{Workload, WorkloadName},
    mesh::identity::SpiffeId,
};

/// The pods of the participants.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    trust_domain: String,
    pods: BTreeMap<WorkloadName, Vec<Pod>>,
}

impl Scene {
    /// Looks up the pods of `workloads`, with one request for each namespace.
    ///
    /// # Errors
    /// A failed request.
    pub async fn look<'a>(
        cluster: &Cluster,
        trust_domain: &str,
        workloads: impl IntoIterator<Item = &'a Workload>,
    ) -> Result<Self, ClusterError> {
        let workloads: Vec<&Workload> = workloads.into_iter().collect();
        let namespaces: BTreeSet<&str> = workloads.iter().map(|workload| workload.namespace.as_str()).collect();
        let everyone = BTreeMap::new();
        let lists = namespaces.into_iter().map(|namespace| {
            let listed = cluster.pods(namespace, &everyone);
            async move { Ok::<_, ClusterError>((namespace, listed.await?)) }
        });
        let by_namespace: BTreeMap<&str, Vec<Pod>> = try_join_all(lists).await?.into_iter().collect();
        let of = |workload: &Workload| {
            let all = by_namespace[workload.namespace.as_str()].iter();
            all.filter(|pod| has_labels(pod, &workload.selector)).cloned().collect()
        };
        let pods = workloads.into_iter().map(|workload| (workload.name.value.clone(), of(workload))).collect();
        Ok(Self { trust_domain: trust_domain.to_owned(), pods })
    }

    /// The pods of a participant that are ready.
    pub fn ready(&self, name: &WorkloadName) -> impl Iterator<Item = &Pod> {
        self.pods.get(name).into_iter().flatten().filter(|pod| pods::is_ready(pod))
    }

    /// The pod that asks on behalf of a participant.
    ///
    /// # Errors
    /// Says that there is none.
    pub fn caller(&self, name: &WorkloadName) -> Result<&Pod, String> {
        self.ready(name).next().ok_or_else(|| format!("{name} has no ready pod that could ask"))
    }

    /// The addresses of all pods.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.pods.values().flatten().filter_map(|pod| pods::address(pod)?.parse().ok()).collect()
    }

    /// Who a pod is in the mesh.
    pub fn identity(&self, pod: &Pod) -> SpiffeId {
        let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref());
        SpiffeId::new(&self.trust_domain, &pod.namespace().unwrap_or_default(), account.unwrap_or("default"))
    }

    /// Who a participant is in the mesh; the account `default` of its namespace if it has no ready pod.
    pub fn identity_of(&self, workload: &Workload) -> SpiffeId {
        match self.caller(&workload.name.value) {
            Ok(pod) => self.identity(pod),
            Err(_) => SpiffeId::new(&self.trust_domain, &workload.namespace, "default"),
        }
    }
}

/// A container of a pod.
pub fn container(pod: &Pod, container: &str) -> ContainerRef {
    ContainerRef {
        namespace: pod.namespace().unwrap_or_default(),
        pod: pod.name_any(),
        container: container.to_owned(),
    }
}

/// The sidecar of a pod, if it has one.
pub fn sidecar(pod: &Pod) -> Option<ContainerRef> {
    pods::has_container(pod, SIDECAR).then(|| container(pod, SIDECAR))
}

fn has_labels(pod: &Pod, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| pod.labels().get(key) == Some(value))
}
