//! One question between two pods that no lab names: what is seen right now.

use std::collections::BTreeMap;

use super::{
    ask::{Prober, Question},
    curl::Request,
    finding::Finding,
};
use crate::{
    cluster::{Cluster, ClusterError, mesh_status::SIDECAR, pods},
    lab::{
        model::{Endpoint, Workload, WorkloadName},
        position::{Located, Span},
    },
};

/// Who asks whom for what.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Namespace and name of the asking pod.
    pub from: (String, String),
    /// The namespace of the Service that is asked, and the labels of the pods behind it.
    pub to: (String, BTreeMap<String, String>),
    /// The Service as a client types it.
    pub endpoint: Endpoint,
    /// `/headers`.
    pub path: String,
}

/// Asks once, from the application's container of a pod.
///
/// # Errors
/// A failed request. That the pod cannot ask is a doubt of the finding.
pub async fn ask(cluster: &Cluster, trust_domain: &str, witnessed: bool, pair: &Pair) -> Result<Finding, ClusterError> {
    let (namespace, name) = &pair.from;
    let pod = pods::named(cluster.client(), Some(namespace), name).await?;
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let container = containers.map(|container| &container.name).find(|name| *name != SIDECAR);
    let Some(container) = container else {
        return Ok(Finding::broken(format!("{namespace}/{name} has no container of an application that could ask")));
    };
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    let (server_namespace, selector) = &pair.to;
    let caller = workload(&format!("{name}.{namespace}"), namespace, labels, container, None);
    let server = workload(&pair.endpoint.host, server_namespace, selector.clone(), "", Some(pair.endpoint.clone()));
    let question = Question {
        from: caller.name.value.clone(),
        container: container.clone(),
        to: Some(server.name.value.clone()),
        request: Request::get(format!("http://{}{}", pair.endpoint, pair.path)),
    };
    let workloads = [caller, server].map(|workload| (workload.name.value.clone(), workload)).into();
    let prober = Prober { cluster, workloads: &workloads, trust_domain, witnessed };
    let scene = prober.scene().await?;
    let mut findings = prober.ask(&scene, &[question]).await;
    Ok(findings.pop().unwrap_or_else(|| Finding::broken("nobody answered")))
}

fn workload(
    name: &str,
    namespace: &str,
    selector: BTreeMap<String, String>,
    container: &str,
    service: Option<Endpoint>,
) -> Workload {
    Workload {
        name: Located { value: WorkloadName(name.to_owned()), at: Span::default() },
        namespace: namespace.to_owned(),
        selector,
        container: container.to_owned(),
        service,
    }
}
