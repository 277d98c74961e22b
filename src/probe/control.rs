//! The control of a blocked question: proof that the server would answer somebody.

use k8s_openapi::api::core::v1::Service;
use kube::Api;

use super::{
    ask::Prober,
    curl::{Answer, Request},
    judge::Control,
    scene::{self, Scene},
};
use crate::{
    cluster::ClusterError,
    lab::model::{Endpoint, WorkloadName},
};

/// How long the control may take.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

impl Prober<'_> {
    /// Asks the server's application from the sidecar's container in the same pod, where no policy stands between.
    pub async fn control(&self, scene: &Scene, server: &WorkloadName, path: &str) -> Control {
        let Some(pod) = scene.ready(server).next() else {
            return Control::Unreached(format!("{server} has no ready pod"));
        };
        let Some(sidecar) = scene::sidecar(pod) else {
            return Control::Unreached(format!(
                "no other caller was answered, and {server} has no sidecar to ask from"
            ));
        };
        let Some(endpoint) = &self.workloads[server].service else {
            return Control::Unreached(format!("{server} has no Service"));
        };
        let port = match self.target_port(&self.workloads[server].namespace, endpoint, pod).await {
            Ok(port) => port,
            Err(why) => return Control::Unreached(why.to_string()),
        };
        let request = Request::get(format!("http://127.0.0.1:{port}{path}"));
        let command = request.command(&uuid::Uuid::new_v4().to_string(), WITHIN);
        match self.cluster.exec(&sidecar, &command, WITHIN * 2).await.map(|executed| Answer::read(&executed)) {
            Err(error) => Control::Unreached(error.to_string()),
            Ok(answer) if answer.exit == 0 && answer.status < 500 => Control::Reached(format!("{sidecar}")),
            Ok(answer) => Control::Unreached(format!("from its own pod: {}", answer.told())),
        }
    }

    /// The port of the pod behind a Service port.
    pub(super) async fn target_port(
        &self,
        namespace: &str,
        endpoint: &Endpoint,
        pod: &k8s_openapi::api::core::v1::Pod,
    ) -> Result<u16, ClusterError> {
        use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

        let name = endpoint.host.split('.').next().unwrap_or_default();
        let services: Api<Service> = Api::namespaced(self.cluster.client(), namespace);
        let doing = format!("find the port of {endpoint}");
        let service = services.get(name).await.map_err(ClusterError::request(&doing))?;
        let ports = service.spec.and_then(|spec| spec.ports).unwrap_or_default();
        let port = ports.into_iter().find(|port| port.port == i32::from(endpoint.port));
        let target = port.map(|port| port.target_port.unwrap_or(IntOrString::Int(port.port)));
        let number = match target {
            Some(IntOrString::Int(number)) => Some(number),
            Some(IntOrString::String(name)) => {
                let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
                let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
                ports.find(|port| port.name.as_deref() == Some(&name)).map(|port| port.container_port)
            }
            None => None,
        };
        let number = number.and_then(|number| u16::try_from(number).ok());
        let why = || format!("Service {namespace}/{name} has no port {}", endpoint.port);
        number.ok_or_else(|| ClusterError::Request { doing, why: why(), status: None })
    }
}
