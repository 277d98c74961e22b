//! Pods, and whatever makes pods.

use serde_json::Value;

use super::{RegistryError, labels, name, namespace, port_number};
use crate::mesh::{
    inject::{self, PodWish},
    snapshot::{Labels, Role, Source, Workload, WorkloadPort},
};

const EXCLUDE_INBOUND: &str = "traffic.sidecar.istio.io/excludeInboundPorts";
const INCLUDE_INBOUND: &str = "traffic.sidecar.istio.io/includeInboundPorts";
const REWRITE_PROBES: &str = "sidecar.istio.io/rewriteAppHTTPProbers";
const TEMPLATES: &str = "inject.istio.io/templates";

/// A pod that is there, or that would be made.
#[derive(Debug)]
pub(super) struct Template {
    /// The workload, as far as the pod itself tells.
    pub(super) workload: Workload,
    /// What the pod itself says about a sidecar.
    wish: PodWish,
    /// The labels that its namespace had when it was created, if they are others than now.
    pub(super) born: Option<Labels>,
}

impl Template {
    /// The workload of a running pod, in a namespace with these labels, if they are known.
    pub(super) fn into_current(self, namespace_labels: Option<&Labels>) -> Workload {
        let injection = namespace_labels.map(|labels| inject::decide(self.wish, &self.workload.namespace, labels));
        Workload { injection, ..self.workload }
    }

    /// The workload that the pod becomes after injection in a namespace that has these labels now.
    pub(super) fn into_injected(mut self, namespace_labels: &Labels) -> Workload {
        let namespace_labels = self.born.as_ref().unwrap_or(namespace_labels);
        let decision = inject::decide(self.wish, &self.workload.namespace, namespace_labels);
        self.workload.injection = Some(decision);
        if decision == inject::Decision::Inject {
            self.workload.sidecar = true;
            self.workload.labels.entry(inject::TLS_MODE_LABEL.to_owned()).or_insert_with(|| "istio".to_owned());
        }
        self.workload
    }
}

/// Reads a pod; nothing if it has come to its end.
pub(super) fn pod(object: &Value, source: Option<Source>) -> Result<Option<Template>, RegistryError> {
    let status = &object["status"];
    if matches!(status["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return Ok(None);
    }
    let mut workload = workload(name(object)?, namespace(object), object, source);
    workload.address = status["podIP"].as_str().and_then(|address| address.parse().ok());
    workload.ready = status.is_null() || (is_ready(status) && object["metadata"]["deletionTimestamp"].is_null());
    Ok(Some(Template { workload, wish: PodWish::of(object), born: None }))
}

fn is_ready(status: &Value) -> bool {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Reads what makes pods (a Deployment, ...) as the one workload that all its pods are.
pub(super) fn template(object: &Value, source: Option<Source>) -> Result<Template, RegistryError> {
    let (name, namespace) = (name(object)?, namespace(object));
    let pod = object["spec"].get("template").ok_or_else(|| RegistryError::Field {
        object: format!("{} {namespace}/{name}", object["kind"].as_str().unwrap_or_default()),
        field: "spec.template".to_owned(),
        problem: "is missing",
    })?;
    let mut workload = workload(name, namespace, pod, source);
    workload.ready = object["spec"]["replicas"].as_u64() != Some(0);
    Ok(Template { workload, wish: PodWish::of(pod), born: None })
}

fn workload(name: &str, namespace: &str, pod: &Value, source: Option<Source>) -> Workload {
    let (metadata, spec) = (&pod["metadata"], &pod["spec"]);
    let (own_labels, annotations) = (labels(&metadata["labels"]), labels(&metadata["annotations"]));
    let proxied = containers(pod).any(|container| container["name"] == inject::PROXY_CONTAINER);
    let role = role(&own_labels, &annotations);
    let mut accounts = ["serviceAccountName", "serviceAccount"].into_iter().filter_map(|field| spec[field].as_str());
    Workload {
        name: name.to_owned(),
        controller: inject::workload_name(pod, name),
        namespace: namespace.to_owned(),
        service_account: accounts.find(|name| !name.is_empty()).unwrap_or("default").to_owned(),
        sidecar: proxied || role == Role::Gateway,
        injection: None,
        role,
        address: None,
        ready: true,
        ports: containers(pod)
            .filter(|container| container["name"] != inject::PROXY_CONTAINER)
            .flat_map(ports)
            .collect(),
        exclude_inbound_ports: annotations.get(EXCLUDE_INBOUND).map(|text| port_list(text)).unwrap_or_default(),
        include_inbound_ports: annotations.get(INCLUDE_INBOUND).filter(|text| *text != "*").map(|text| port_list(text)),
        rewrite_probes: annotations.get(REWRITE_PROBES).is_none_or(|wish| wish != "false"),
        labels: own_labels,
        source,
    }
}

/// The role of a proxy: gateways are injected from a template of that name, or carry the label of Istio's own.
fn role(labels: &Labels, annotations: &Labels) -> Role {
    let templated =
        annotations.get(TEMPLATES).is_some_and(|names| names.split(',').any(|name| name.trim() == "gateway"));
    let labelled = labels.get("istio").is_some_and(|value| value == "ingressgateway" || value == "egressgateway");
    if templated || labelled { Role::Gateway } else { Role::Sidecar }
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["containers", "initContainers"].into_iter();
    lists.filter_map(|field| pod["spec"][field].as_array()).flatten()
}

fn ports(container: &Value) -> impl Iterator<Item = WorkloadPort> {
    let listed = container.get("ports").and_then(Value::as_array).into_iter().flatten();
    listed.filter(|port| port.get("protocol").is_none_or(|transport| transport == "TCP")).filter_map(|port| {
        let name = port.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(WorkloadPort { name, port: port.get("containerPort").and_then(port_number)?, ..WorkloadPort::default() })
    })
}

/// The ports of an annotation, `8080,9090`.
pub(super) fn port_list(text: &str) -> Vec<u16> {
    text.split(',').filter_map(|port| port.trim().parse().ok()).collect()
}
