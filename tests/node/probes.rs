//! Probes of containers.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, container, is_ready, pod, with},
    pods::event,
};

#[tokio::test]
async fn probes_decide_over_readiness_and_restarts() {
    let cluster = Cluster::start().await;
    let probe = json!({
        "readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 1},
        "livenessProbe": {"exec": {"command": ["exit", "1"]}, "periodSeconds": 1, "failureThreshold": 1},
    });
    let spec = json!({"containers": [with(container("main", &["serve", "x:81"]), &probe)]});
    cluster.create::<Pod>(pod("ill", &spec)).await;
    let restarted = |pod: Option<&Pod>| {
        let statuses = pod.and_then(|pod| pod.status.as_ref()?.container_statuses.as_ref());
        statuses.is_some_and(|statuses| statuses[0].restart_count > 0)
    };
    let ill = cluster.pod("ill", restarted).await;
    assert!(!is_ready(Some(&ill)));
    let killing = event(&cluster, "ill", "Killing").await;
    assert_eq!(killing, "Container main failed liveness probe, will be restarted");
}

#[tokio::test]
async fn probes_speak_tls_and_grpc() {
    let cluster = Cluster::start().await;
    let start = async |name: &str, command: &str, probe: Value| {
        let probe = json!({"readinessProbe": with(probe, &json!({"periodSeconds": 1}))});
        let spec = json!({"containers": [with(container("main", &[command]), &probe)]});
        cluster.create::<Pod>(pod(name, &spec)).await;
    };
    let https = |path: &str| json!({"httpGet": {"scheme": "HTTPS", "port": 443, "path": path}});
    start("tls-well", "tls", https("/healthy")).await;
    start("tls-ill", "tls", https("/nowhere")).await;
    start("grpc-well", "grpc", json!({"grpc": {"port": 50051, "service": "good"}})).await;
    start("grpc-ill", "grpc", json!({"grpc": {"port": 50051}})).await;
    cluster.pod("tls-well", is_ready).await;
    cluster.pod("grpc-well", is_ready).await;
    insta::assert_snapshot!(event(&cluster, "tls-ill", "Unhealthy").await, @"Readiness probe failed: HTTP probe failed with statuscode: 404");
    insta::assert_snapshot!(event(&cluster, "grpc-ill", "Unhealthy").await, @r#"Readiness probe failed: service unhealthy (responded with "NOT_SERVING")"#);
}
