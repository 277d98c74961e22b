//! EndpointSlices: which pods stand behind a Service, for whoever reads them through the API.
//!
//! The node's own proxy does not wait for them; it follows Services and pods itself.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::{
    core::v1::{ObjectReference, Pod, Service},
    discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice},
};
use kube::{
    Api, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{Shared, owner_reference, queue::Outcome};
use crate::embedded::{
    informer::Key,
    node::{
        NODE_NAME,
        endpoints::{is_ready, selects, target_port},
    },
};

/// The label that tells which Service a slice belongs to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Writes the slice of one Service.
pub(super) async fn reconcile(shared: Arc<Shared>, (namespace, name): Key) -> Outcome {
    let Some(service) = shared.informers.services.get(&namespace, &name) else { return Ok(None) };
    let chosen = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    if chosen.is_none_or(BTreeMap::is_empty) || service.metadata.deletion_timestamp.is_some() {
        return Ok(None);
    }
    let mut pods = shared.informers.pods.in_namespace(&namespace);
    pods.retain(|pod| selects(chosen, pod) && address(pod).is_some());
    let slice = slice(&service, &pods);
    let slices: Api<EndpointSlice> = Api::namespaced(shared.client.clone(), &namespace);
    let present = slices.get_opt(&slice.name_any()).await?;
    let written = match present {
        Some(present) if present.endpoints == slice.endpoints && present.ports == slice.ports => return Ok(None),
        Some(_) => {
            let patch = Patch::Merge(json!({"endpoints": slice.endpoints, "ports": slice.ports}));
            slices.patch(&slice.name_any(), &PatchParams::default(), &patch).await
        }
        None => slices.create(&PostParams::default(), &slice).await,
    };
    match written {
        // The Service or its namespace goes; its slice is not needed.
        Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => Ok(None),
        other => other.map(|_| None),
    }
}

fn address(pod: &Pod) -> Option<&String> {
    pod.status.as_ref()?.pod_ip.as_ref()
}

fn slice(service: &Service, pods: &[Arc<Pod>]) -> EndpointSlice {
    let labels = [
        (SERVICE_NAME, service.name_any()),
        ("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io".to_owned()),
    ];
    EndpointSlice {
        address_type: "IPv4".to_owned(),
        endpoints: Some(pods.iter().map(|pod| endpoint(service, pod)).collect()),
        metadata: ObjectMeta {
            labels: Some(labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            // One slice for each Service: a node of 250 pods never needs a second one.
            name: Some(service.name_any()),
            owner_references: Some(vec![owner_reference(service)]),
            ..ObjectMeta::default()
        },
        ports: Some(ports(service, pods)),
    }
}

fn endpoint(service: &Service, pod: &Pod) -> Endpoint {
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let serving = is_ready(pod);
    let unready_too = service.spec.as_ref().is_some_and(|spec| spec.publish_not_ready_addresses == Some(true));
    Endpoint {
        addresses: address(pod).into_iter().cloned().collect(),
        conditions: Some(EndpointConditions {
            ready: Some(unready_too || (serving && !terminating)),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        node_name: Some(NODE_NAME.to_owned()),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            name: pod.metadata.name.clone(),
            namespace: pod.metadata.namespace.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectReference::default()
        }),
        ..Endpoint::default()
    }
}

/// The ports as the first pod has them; pods whose named ports differ are rare enough.
fn ports(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointPort> {
    let Some(pod) = pods.first() else { return Vec::new() };
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let port = |port: &k8s_openapi::api::core::v1::ServicePort| EndpointPort {
        app_protocol: port.app_protocol.clone(),
        name: Some(port.name.clone().unwrap_or_default()),
        port: target_port(port, pod).map(i32::from),
        protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".to_owned())),
    };
    ports.map(port).collect()
}
