//! Connections between pods: names, Services, redirects, and who is kept out.

use k8s_openapi::api::core::v1::{Pod, Service};
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::cluster::{Cluster, address, container, is_ready, phase, pod, with};

async fn service(cluster: &Cluster, name: &str, port: u16, target: u16) -> String {
    let spec = json!({"selector": {"app": name}, "ports": [{"port": port, "targetPort": target}]});
    let service: Service = cluster.create(json!({"metadata": {"name": name}, "spec": spec})).await;
    service.spec.unwrap().cluster_ip.unwrap()
}

#[tokio::test]
async fn a_service_leads_to_its_ready_pods() {
    let cluster = Cluster::start().await;
    service(&cluster, "web", 80, 8080).await;
    cluster.run("client", &["pause"]).await;
    let client = address(&cluster.pod("client", is_ready).await);
    assert_eq!(cluster.exec("client", &["call", "web", "80"]).await.0, "ConnectionRefused\n");
    assert_eq!(cluster.exec("client", &["call", "nobody", "80"]).await.0, "NotFound\n");
    assert_eq!(cluster.exec("client", &["call", "10.244.9.9", "80"]).await.0, "HostUnreachable\n");
    assert_eq!(cluster.exec("client", &["call", "192.0.2.1", "80"]).await.0, "NetworkUnreachable\n");

    // Not an endpoint before the file is there.
    let probe = json!({"readinessProbe": {"exec": {"command": ["cat", "/ready"]}}});
    let spec = json!({"containers": [with(container("main", &["serve", "web:8080"]), &probe)]});
    cluster.create::<Pod>(pod("web", &spec)).await;
    let running = cluster.pod("web", |pod: Option<&Pod>| phase(pod) == Some("Running")).await;
    assert_eq!(cluster.exec("client", &["call", "web", "80"]).await.0, "ConnectionRefused\n");
    cluster.exec("web", &["write", "/ready", "yes"]).await;
    cluster.pod("web", is_ready).await;

    let server = address(&running);
    let answer = format!("web from {client} to {server}:8080");
    for name in ["web", "web.default", "web.default.svc.cluster.local"] {
        assert_eq!(until_answered(&cluster, name).await, answer, "{name}");
    }
    assert_eq!(cluster.exec("client", &["call", &server, "8080"]).await.0, answer);
    assert_eq!(cluster.exec("client", &["call", &server, "81"]).await.0, "ConnectionRefused\n");
}

/// Calls until the proxy knows the endpoint that the API knows already.
async fn until_answered(cluster: &Cluster, name: &str) -> String {
    loop {
        let (text, code) = cluster.exec("client", &["call", name, "80"]).await;
        if code == 0 {
            return text;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn redirects_lead_through_the_sidecar() {
    let cluster = Cluster::start().await;
    let vip = service(&cluster, "plain", 80, 8080).await;
    cluster.run("plain", &["serve", "plain:8080"]).await;
    let capable = json!({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}});
    let sidecar = json!({"securityContext": {"runAsUser": 1337}});
    let spec = json!({
        "initContainers": [with(container("init", &["redirect"]), &capable)],
        "containers": [
            container("main", &["serve", "app:8080"]),
            with(container("side", &["serve", "out:15001", "in:15006", "health:15021"]), &sidecar),
        ],
    });
    cluster.create::<Pod>(pod("meshed", &spec)).await;
    let meshed = address(&cluster.pod("meshed", is_ready).await);
    let plain = address(&cluster.pod("plain", is_ready).await);
    let from_app = |to: [&'static str; 2]| {
        let cluster = &cluster;
        async move { cluster.exec("meshed", &["call", to[0], to[1]]).await.0 }
    };
    let from_side = |command: Vec<String>| {
        let cluster = &cluster;
        async move {
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            cluster.exec_with("meshed", "side", &command, "").await.unwrap().0
        }
    };
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();

    // The application's way out, with the address it dialled.
    assert_eq!(from_app(["plain", "80"]).await, format!("out from {meshed} to {vip}:80"));
    // Its own pod is not the outside.
    assert_eq!(from_app(["localhost", "8080"]).await, "app from 127.0.0.1 to 127.0.0.1:8080");
    // The sidecar's way out is exempt.
    let direct = from_side(words(&["call", &plain, "8080"])).await;
    assert_eq!(direct, format!("plain from {meshed} to {plain}:8080"));
    // The sidecar reaches its application.
    let passed = from_side(words(&["call", &meshed, "8080", "127.0.0.6"])).await;
    assert_eq!(passed, format!("app from 127.0.0.6 to {meshed}:8080"));
    // Others enter through the sidecar, with their true address.
    let (entered, _) = cluster.exec("plain", &["call", &meshed, "8080"]).await;
    assert_eq!(entered, format!("in from {plain} to {meshed}:8080"));
    // Unless the port is excluded.
    let (health, _) = cluster.exec("plain", &["call", &meshed, "15021"]).await;
    assert_eq!(health, format!("health from {plain} to {meshed}:15021"));
    // So do probes, which come from the node.
    let mut text = String::new();
    let to = format!("{meshed}:8080").parse().unwrap();
    cluster.connect(to).await.unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, format!("in from 10.244.0.1 to {meshed}:8080"));
}

#[tokio::test]
async fn only_a_capable_container_may_redirect() {
    let cluster = Cluster::start().await;
    cluster.run("weak", &["pause"]).await;
    cluster.pod("weak", is_ready).await;
    assert_eq!(cluster.exec("weak", &["redirect"]).await, ("PermissionDenied\n".to_owned(), 1));
}

#[tokio::test]
async fn strangers_are_kept_out() {
    let cluster = Cluster::start().await;
    cluster.run("web", &["serve", "web:8080"]).await;
    let ready = cluster.pod("web", is_ready).await;
    let to = format!("{}:8080", address(&ready)).parse().unwrap();
    let invited = cluster.connect(to).await.unwrap();
    // The real socket behind the virtual one, as a port scan of this machine would find it.
    let real = invited.peer_addr().unwrap();
    let mut stranger = tokio::net::TcpStream::connect(real).await.unwrap();
    let mut heard = Vec::new();
    // The end of the stream or a reset, but not one byte.
    _ = stranger.read_to_end(&mut heard).await;
    assert!(heard.is_empty());
    // Which does not disturb those who were announced.
    let mut text = String::new();
    cluster.connect(to).await.unwrap().read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("web from 10.244.0.1"), "{text}");
}

#[tokio::test]
async fn a_cluster_takes_its_pods_along() {
    let cluster = Cluster::start().await;
    cluster.run("web", &["serve", "web:8080"]).await;
    let ready = cluster.pod("web", is_ready).await;
    let to = format!("{}:8080", address(&ready)).parse().unwrap();
    let real = cluster.connect(to).await.unwrap().peer_addr().unwrap();
    cluster.shutdown().await;
    // The tasks of the program end on their own, right after the pod's.
    while tokio::net::TcpStream::connect(real).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
