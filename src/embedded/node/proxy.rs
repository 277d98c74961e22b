//! Keeps the network's table of Services like the cluster's Services and ready pods, as `kube-proxy` and the
//! cluster's DNS do.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use kube::ResourceExt;
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    endpoints::{address, selects, takes_traffic, target_port},
    network::{Backends, Network, Record, ServiceTable},
};
use crate::embedded::informer::{Change, Informer, key_of};

/// Follows Services and pods until the task is dropped.
pub(super) async fn run(network: Network, services: Informer<Service>, pods: Informer<Pod>) {
    let (mut service_changes, mut pod_changes) = (services.subscribe(), pods.subscribe());
    let mut open = true;
    while open {
        network.set_services(table(&services.all(), &pods.all(), &network.services()));
        open = tokio::select! {
            open = all(&mut service_changes, |_| true) => open,
            open = all(&mut pod_changes, matters) => open,
        };
    }
}

/// Waits for a change that matters and takes all that are there already; `false` when no more can come.
async fn all<K>(changes: &mut UnboundedReceiver<Change<K>>, matters: impl Fn(&Change<K>) -> bool) -> bool {
    while let Some(change) = changes.recv().await {
        if matters(&change) {
            while changes.try_recv().is_ok() {}
            return true;
        }
    }
    false
}

/// Whether a change of a pod can change the endpoints of a Service.
fn matters(change: &Change<Pod>) -> bool {
    let relevant =
        |pod: &Option<Arc<Pod>>| pod.as_ref().map(|pod| (address(pod), takes_traffic(pod), pod.labels().clone()));
    relevant(&change.before) != relevant(&change.after)
}

fn table(services: &[Arc<Service>], pods: &[Arc<Pod>], previous: &ServiceTable) -> ServiceTable {
    let mut table = ServiceTable::default();
    for service in services {
        let Some(spec) = &service.spec else { continue };
        let unready_too = spec.publish_not_ready_addresses == Some(true);
        let chosen = pods.iter().filter(|pod| pod.metadata.namespace == service.metadata.namespace);
        let chosen = chosen.filter(|pod| selects(spec.selector.as_ref(), pod) && (unready_too || takes_traffic(pod)));
        let endpoints: Vec<(Ipv4Addr, &Arc<Pod>)> = chosen.filter_map(|pod| Some((address(pod)?, pod))).collect();
        let record = record(service, &endpoints);
        if let Some(Record::Cluster(address)) = record {
            for port in spec.ports.iter().flatten().filter(|port| is_tcp(port)) {
                let virtual_address = SocketAddrV4::new(address, u16::try_from(port.port).unwrap_or(0));
                let targets = endpoints.iter();
                let targets = targets.filter_map(|(ip, pod)| Some(SocketAddrV4::new(*ip, target_port(port, pod)?)));
                let backends = Backends::new(targets.collect(), previous.virtuals.get(&virtual_address));
                table.virtuals.insert(virtual_address, backends);
            }
        }
        table.names.extend(record.map(|record| (key_of(&**service), record)));
    }
    table
}

fn is_tcp(port: &ServicePort) -> bool {
    port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP")
}

fn record(service: &Service, endpoints: &[(Ipv4Addr, &Arc<Pod>)]) -> Option<Record> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        return spec.external_name.clone().map(Record::External);
    }
    match spec.cluster_ip.as_deref() {
        Some("None") => {
            let own_name = |pod: &Pod| {
                let spec = pod.spec.as_ref()?;
                spec.hostname.clone().filter(|_| spec.subdomain == service.metadata.name)
            };
            Some(Record::Headless(endpoints.iter().map(|(ip, pod)| (*ip, own_name(pod))).collect()))
        }
        Some(address) => address.parse().ok().map(Record::Cluster),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::embedded::node::network::Choice;

    fn pod(name: &str, ip: &str, ready: &str) -> Arc<Pod> {
        let pod = json!({
            "metadata": {"name": name, "namespace": "foo", "labels": {"app": "httpbin"}},
            "spec": {
                "hostname": name, "subdomain": "direct",
                "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": 8080}]}],
            },
            "status": {"podIP": ip, "conditions": [{"type": "Ready", "status": ready}]},
        });
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    fn service(name: &str, spec: &serde_json::Value) -> Arc<Service> {
        let service = json!({"metadata": {"name": name, "namespace": "foo"}, "spec": spec});
        Arc::new(serde_json::from_value(service).unwrap())
    }

    #[test]
    fn only_ready_pods_are_endpoints() {
        let services = [
            service(
                "httpbin",
                &json!({
                    "clusterIP": "10.96.0.7", "selector": {"app": "httpbin"},
                    "ports": [{"port": 8000, "targetPort": "web"}],
                }),
            ),
            service("direct", &json!({"clusterIP": "None", "selector": {"app": "httpbin"}})),
            service("manual", &json!({"clusterIP": "10.96.0.8", "ports": [{"port": 80}]})),
            service("away", &json!({"type": "ExternalName", "externalName": "example.com"})),
        ];
        let pods = [pod("a", "10.244.0.2", "True"), pod("b", "10.244.0.3", "False")];
        let table = table(&services, &pods, &ServiceTable::default());
        let choose = |address: &str| table.choose(address.parse().unwrap());
        assert_eq!(choose("10.96.0.7:8000"), Choice::Endpoint("10.244.0.2:8080".parse().unwrap()));
        assert_eq!(choose("10.96.0.7:8000"), Choice::Endpoint("10.244.0.2:8080".parse().unwrap()));
        assert_eq!(choose("10.96.0.8:80"), Choice::Nobody);
        let name = |name: &str| &table.names[&("foo".to_owned(), name.to_owned())];
        let headless = vec![("10.244.0.2".parse().unwrap(), Some("a".to_owned()))];
        assert_eq!(*name("direct"), Record::Headless(headless));
        assert_eq!(*name("away"), Record::External("example.com".to_owned()));
    }
}
