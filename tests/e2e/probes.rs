//! What a node asks of a pod, which has no certificate and asks all the same.

use std::pin::pin;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{
    Api,
    core::ResourceExt,
    runtime::{WatchStreamExt, watcher},
};

use crate::{
    manifests::{client, namespace, peer_authentication},
    support::{World, on_both_clusters, within},
};

on_both_clusters!(
    World:
    a_strict_application_is_probed_through_its_sidecar,
    a_strict_port_is_closed_on_every_address_of_its_pod,
    a_failing_probe_says_what_the_application_said,
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

async fn a_failing_probe_says_what_the_application_said(world: &World) {
    strict_mesh(world).await;
    let probes = "readinessProbe: {httpGet: {path: /status/418, port: web}, periodSeconds: 1}";
    world.apply(&pod(world, "unwell", probes)).await;
    let events: Api<Event> = Api::namespaced(world.client(), "foo");
    let about = watcher::Config::default().fields("involvedObject.name=unwell,reason=Unhealthy");
    let messages = watcher::watcher(events, about).applied_objects().filter_map(async |event| event.ok()?.message);
    // Before the application listens, the node is told so.
    let mut wanted = pin!(messages.filter(|message| std::future::ready(message.contains("418"))));
    let message = within(wanted.next()).await.unwrap();
    assert_eq!(message, "Readiness probe failed: HTTP probe failed with statuscode: 418");
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
