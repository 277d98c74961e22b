//! From where the way of a call is seen.

use std::collections::BTreeSet;

use kube::core::ResourceExt as _;

use crate::{
    cli::{CliError, mesh::told},
    cluster::{Cluster, ClusterError, exec::ContainerRef, mesh_status::SIDECAR, pods},
    lab::model::Endpoint,
    mesh::{
        explain::chain::Call,
        policy::{Index, Target},
    },
    probe::tap::{Place, between},
};

/// The way from a pod to those behind a Service's port.
pub(super) struct Way {
    /// The container that calls.
    pub(super) caller: ContainerRef,
    /// The Service.
    pub(super) endpoint: Endpoint,
    /// From where it is seen.
    pub(super) places: Vec<Place>,
    /// The ports of the pods behind the Service's.
    pub(super) ports: BTreeSet<u16>,
}

impl Way {
    /// Finds the pods of a call, of which `container` calls.
    ///
    /// # Errors
    /// 2 if the container is not there, 4 if nobody answers the call, or for a failed request.
    pub(super) async fn find(
        cluster: &Cluster,
        index: &Index,
        call: Call,
        container: Option<&str>,
    ) -> Result<Self, CliError> {
        let failed = |error: ClusterError| told(&error.into());
        let (client, service) = (index.workload(call.client), index.service(call.service));
        let caller = pods::named(cluster.client(), Some(&client.namespace), &client.name).await.map_err(failed)?;
        let containers: Vec<String> =
            caller.spec.iter().flat_map(|spec| &spec.containers).map(|container| container.name.clone()).collect();
        let own = containers.iter().find(|name| *name != SIDECAR).map_or("", String::as_str);
        let calls = container.unwrap_or(own);
        if container.is_some_and(|wanted| !pods::has_container(&caller, wanted)) {
            let error = CliError::new(2, format!("pod {} has no container `{calls}`", pods::name(&caller)));
            return Err(error.hint(format!("it has {}", containers.join(", "))));
        }
        let servers = cluster.pods(&service.namespace, &service.selector).await.map_err(failed)?;
        let servers: Vec<_> = servers.iter().filter(|pod| pods::is_ready(pod)).collect();
        let endpoint = Endpoint { host: service.host.clone(), port: call.port };
        if servers.is_empty() {
            let error = CliError::new(4, format!("{endpoint} has no ready pod to which anything could travel"));
            return Err(error.hint(format!("labctl explain {} {endpoint} says more", client.name)));
        }
        let target = Target { service: call.service, port: call.port, subset: None };
        let ports = index.target_endpoints(client, target).into_iter().map(|endpoint| endpoint.port).collect();
        let namespace = caller.namespace().unwrap_or_default();
        let pod = ContainerRef { namespace, pod: caller.name_any(), container: calls.to_owned() };
        Ok(Self { places: between(&caller, calls, &servers), caller: pod, endpoint, ports })
    }

    /// What is looked at, for whoever waits for it.
    pub(super) fn announced(&self, ends_alone: bool) -> String {
        let places: Vec<String> = self.places.iter().map(|place| place.container.to_string()).collect();
        let end = if ends_alone { "" } else { " (Ctrl-C ends it)" };
        let ContainerRef { namespace, pod, .. } = &self.caller;
        format!("{namespace}/{pod} -> {}{end}\nas seen from {}", self.endpoint, places.join("\nand from "))
    }
}
