use std::net::Ipv4Addr;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::cluster::RunId;

/// A cluster with one Service, one node at 127.0.0.1, and one pod behind the Service.
fn cluster(service: Value, containers: &[&str]) -> Cluster {
    let containers: Vec<Value> = containers.iter().map(|name| json!({ "name": name })).collect();
    let pod = json!({"metadata": {"name": "shop-1", "namespace": "shop"}, "spec": {"containers": containers}});
    let node = json!({
        "metadata": {"name": "node"},
        "status": {"addresses": [{"type": "Hostname", "address": "node"}, {"type": "InternalIP", "address": "127.0.0.1"}]},
    });
    let list = |kind: &str, item: &Value| json!({"apiVersion": "v1", "kind": kind, "metadata": {}, "items": [item]});
    let (pods, nodes) = (list("PodList", &pod), list("NodeList", &node));
    let api = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let answer = match request.uri().path() {
            "/api/v1/namespaces/shop/services/front" => service.clone(),
            "/api/v1/namespaces/shop/pods" => pods.clone(),
            "/api/v1/nodes" => nodes.clone(),
            other => panic!("nobody asks for {other}"),
        };
        async move {
            let body = http_body_util::Full::from(answer.to_string());
            Ok::<_, std::convert::Infallible>(http::Response::new(body))
        }
    });
    Cluster::new(kube::Client::new(api, "default"), RunId::random())
}

fn service(ports: &[(u16, Option<u16>)]) -> Value {
    let ports: Vec<Value> = ports.iter().map(|(port, node)| json!({"port": port, "nodePort": node})).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "front", "namespace": "shop", "uid": "1"},
        "spec": {"type": "NodePort", "selector": {"app": "front"}, "ports": ports},
    })
}

async fn edge(cluster: &Cluster) -> Result<Arc<Edge>, ClusterError> {
    cluster.edge("shop", "front", &Patience::silent(Duration::from_secs(5))).await
}

#[tokio::test]
async fn a_node_that_accepts_connections_is_the_way_in() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let open = listener.local_addr().unwrap().port();
    // Nobody listens behind the other port, yet.
    let cluster = cluster(service(&[(80, Some(open)), (443, Some(1))]), &["shop", "istio-proxy"]);
    let edge = edge(&cluster).await.unwrap();
    let address = |port| edge.address(port).map(ToString::to_string);
    assert_eq!((address(80), address(443)), (Some(format!("127.0.0.1:{open}")), Some("127.0.0.1:1".to_owned())));
}

#[tokio::test]
async fn pods_behind_sidecars_are_not_entered_from_behind() {
    let told = async |service: Value| {
        let error = edge(&cluster(service, &["shop", "istio-proxy"])).await.unwrap_err();
        format!("{error}\nhint: {}", error.hint().unwrap())
    };
    insta::assert_snapshot!(told(service(&[(80, Some(1))])).await, @r"
    nobody outside reaches Service shop/front: it has no load balancer's address, no node accepts a connection (1 at 127.0.0.1), and through the API server one would come to its pods behind their sidecars, where no policy holds
    hint: give the cluster load balancers, or let this machine reach the ports of its nodes
    ");
    insta::assert_snapshot!(told(service(&[(80, None)])).await, @r"
    nobody outside reaches Service shop/front: it has no load balancer's address, the nodes have no ports for it, and through the API server one would come to its pods behind their sidecars, where no policy holds
    hint: give the cluster load balancers, or let this machine reach the ports of its nodes
    ");
}

#[tokio::test]
async fn a_gateway_and_pods_without_a_sidecar_are_reached_through_the_api_server() {
    for containers in [&["istio-proxy"][..], &["shop"]] {
        let cluster = cluster(service(&[(80, None)]), containers);
        let edge = edge(&cluster).await.unwrap();
        assert_eq!(edge.address(80).unwrap().host, "127.0.0.1");
        let again = cluster.edge("shop", "front", &Patience::silent(Duration::ZERO)).await.unwrap();
        assert_eq!(again.address(80), edge.address(80), "the way stays open");
    }
}
