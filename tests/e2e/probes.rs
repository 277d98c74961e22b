//! What a node asks of a pod, which has no certificate and asks all the same.

use k8s_openapi::api::core::v1::Pod;
use kube::core::ResourceExt;

use crate::{
    manifests::{client, namespace, peer_authentication},
    support::{World, on_both_clusters},
};

on_both_clusters!(
    a_strict_application_is_probed_through_its_sidecar,
    a_strict_port_is_closed_on_every_address_of_its_pod,
);

/// A pod with httpbin under the label `app: NAME`.
fn pod(world: &World, name: &str, probes: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: foo, labels: {{app: {name}}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: {name}
      image: {:?}
      command: [httpbin]
      ports: [{{name: web, containerPort: 8080, protocol: TCP}}]
      {probes}
---
",
        world.image()
    )
}

async fn strict_mesh(world: &World) {
    world.install_mesh().await;
    world.apply(&(namespace("foo", Some("enabled")) + &namespace("legacy", None))).await;
    world.until_accounts(&["foo", "legacy"]).await;
    world.apply(&peer_authentication("istio-system", "STRICT")).await;
}

async fn a_strict_application_is_probed_through_its_sidecar(world: &World) {
    strict_mesh(world).await;
    let probes = "
      startupProbe: {tcpSocket: {port: web}, periodSeconds: 1}
      livenessProbe: {httpGet: {path: /status/204, port: web}, periodSeconds: 1, failureThreshold: 1}
      readinessProbe: {httpGet: {path: /status/200, port: 8080}, periodSeconds: 1}";
    world.apply(&pod(world, "httpbin", probes)).await;
    world.until_ready().await;
    let restarts = world.pod("httpbin.foo").await.status.unwrap().container_statuses.unwrap();
    assert!(restarts.iter().all(|container| container.restart_count == 0), "{restarts:?}");
}

async fn a_strict_port_is_closed_on_every_address_of_its_pod(world: &World) {
    strict_mesh(world).await;
    let ready = "readinessProbe: {httpGet: {path: /status/200, port: web}, periodSeconds: 1}";
    world.apply(&(pod(world, "httpbin", ready) + &client(world, "sleep", "legacy", ""))).await;
    world.until_ready().await;
    world.until_distributed(&["foo"]).await;
    let addresses = addresses(&world.pod("httpbin.foo").await);
    if !addresses.iter().any(|address| address.contains(':')) {
        eprintln!("this cluster's pods have no IPv6 addresses");
    }
    for address in addresses {
        let host = if address.contains(':') { format!("[{address}]") } else { address };
        let url = format!("http://{host}:8080/headers");
        let done = world.exec("sleep.legacy", &["curl", "-s", "-S", "-m", "10", &url]).await;
        assert_eq!(done.code, 56, "{url}: {done:?}");
    }
}

fn addresses(pod: &Pod) -> Vec<String> {
    let all = pod.status.iter().flat_map(|status| status.pod_ips.iter().flatten());
    let all: Vec<String> = all.map(|address| address.ip.clone()).collect();
    assert!(!all.is_empty(), "{} has no address", pod.name_any());
    all
}
