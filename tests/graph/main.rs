//! `labctl graph` on a cluster with real traffic, and the metrics of its sidecars.

#[allow(dead_code, reason = "the end-to-end tests use the rest of it")]
#[path = "../e2e/manifests.rs"]
mod manifests;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use labctl::mesh::graph::{Edge, Graph, Security};
use serde_json::Value;

use self::{
    manifests::{client, destination_rule, namespace, peer_authentication, server},
    support::{World, on_both_clusters, within},
};

on_both_clusters!(World: locks_need_both_ends_and_strangers_are_unknown);

/// What `labctl graph` says of each edge: how it is secured, how many calls there were, how many were refused.
type Seen = BTreeMap<String, (Security, u64, u64)>;

async fn graph(world: &World) -> Graph {
    let document: Value = serde_json::from_str(&world.labctl_ok(&["graph", "-o", "json"]).await).unwrap();
    assert_eq!(document["version"], 1);
    serde_json::from_value(document["graph"].clone()).unwrap()
}

fn seen(graph: &Graph) -> Seen {
    let line = |edge: &Edge| {
        let name = format!("{} -> {}", edge.source, edge.destination);
        (name, (edge.security, edge.total.calls(), edge.total.refused))
    };
    graph.edges.iter().map(line).collect()
}

/// Asks until the graph is this one: what a sidecar counts at the end of a call, its caller may know a moment earlier.
async fn until(world: &World, expected: &[(&str, Security, u64, u64)]) -> Graph {
    let expected: Seen =
        expected.iter().map(|&(name, how, calls, refused)| (name.to_owned(), (how, calls, refused))).collect();
    within(async {
        loop {
            let graph = graph(world).await;
            if seen(&graph) == expected {
                return graph;
            }
            eprintln!("not yet: {:?}", seen(&graph));
        }
    })
    .await
}

/// curl's exit code for a connection that nobody takes.
const REFUSED: u8 = 7;

/// Calls a server so many times; every call must end like this.
async fn call(world: &World, from: &str, to: &str, times: usize, code: u8) {
    for _ in 0..times {
        let url = format!("http://{to}:8000/headers");
        let mut executed = world.exec(from, &["curl", "-sS", "-m", "10", &url]).await;
        // A node learns where a Service leads a while after its pods are ready.
        while executed.code == REFUSED {
            executed = world.exec(from, &["curl", "-sS", "-m", "10", &url]).await;
        }
        assert_eq!(executed.code, code, "{from} -> {to}: {executed:?}");
    }
}

async fn deploy(world: &World) {
    world.install_mesh().await;
    world.apply(&(namespace("foo", Some("enabled")) + &namespace("legacy", None))).await;
    world.until_accounts(&["foo", "legacy"]).await;
    let objects = [
        client(world, "sleep", "foo", ""),
        server(world, "httpbin", "foo", ""),
        client(world, "sleep", "legacy", ""),
        server(world, "httpbin", "legacy", ""),
    ];
    world.apply(&objects.concat()).await;
    world.until_ready().await;
    world.until_distributed(&["foo"]).await;
}

async fn locks_need_both_ends_and_strangers_are_unknown(world: &World) {
    deploy(world).await;
    assert_eq!(world.labctl_ok(&["graph"]).await, "nobody has called anybody yet\n");

    call(world, "sleep.foo", "httpbin.foo", 4, 0).await;
    call(world, "sleep.foo", "httpbin.legacy", 2, 0).await;
    call(world, "sleep.legacy", "httpbin.foo", 3, 0).await;
    let expected = [
        ("foo/sleep -> foo/httpbin", Security::Mtls, 4, 0),
        ("foo/sleep -> legacy/httpbin", Security::Plaintext, 2, 0),
        ("unknown -> foo/httpbin", Security::Plaintext, 3, 0),
    ];
    let graph = until(world, &expected).await;
    assert!(graph.silent.is_empty() && graph.edges.iter().all(|edge| edge.rate > 0.0), "{graph:?}");
    let locked = &graph.edges[0];
    assert_eq!(locked.services, ["httpbin.foo.svc.cluster.local"]);
    assert_eq!((locked.mtls_share, &locked.codes), (Some(1.0), &BTreeMap::from([(200, 4)])));
    let peers = |claim: &Option<labctl::mesh::graph::Claim>| claim.as_ref().unwrap().peers.first().unwrap().to_string();
    assert_eq!(peers(&locked.evidence.source), "spiffe://cluster.local/ns/foo/sa/httpbin");
    assert_eq!(peers(&locked.evidence.destination), "spiffe://cluster.local/ns/foo/sa/sleep");
    let proxied: Vec<(&str, bool)> = graph.nodes.iter().map(|node| (node.name.as_str(), node.proxied)).collect();
    assert_eq!(proxied, [("foo/httpbin", true), ("foo/sleep", true), ("legacy/httpbin", false), ("unknown", false)]);

    // Who is not let in is seen, too; so is a caller of the mesh that was told not to use mutual TLS.
    world.apply(&(peer_authentication("foo", "STRICT") + &destination_rule("httpbin", "foo", "DISABLE"))).await;
    world.until_distributed(&["foo"]).await;
    call(world, "sleep.legacy", "httpbin.foo", 2, 56).await;
    call(world, "sleep.foo", "httpbin.foo", 1, 0).await;
    let expected = [
        ("foo/sleep -> foo/httpbin", Security::Mtls, 5, 0),
        ("foo/sleep -> legacy/httpbin", Security::Plaintext, 2, 0),
        ("unknown -> foo/httpbin", Security::Plaintext, 3, 2),
    ];
    until(world, &expected).await;
    drawn(world).await;
    metrics(world).await;
}

/// The same in every form.
async fn drawn(world: &World) {
    let table = world.labctl_ok(&["graph", "-n", "foo"]).await;
    let first: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(first[..5], ["●", "foo/sleep", "foo/httpbin", "mTLS", "100%"], "{table}");
    assert!(table.contains("● both ends say mTLS") && table.contains("3 from unknown sources"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    let only_legacy = world.labctl_ok(&["graph", "-n", "legacy"]).await;
    assert!(!only_legacy.contains("unknown") && only_legacy.contains("legacy/httpbin"), "{only_legacy}");
    let dot = world.labctl_ok(&["graph", "-o", "dot"]).await;
    assert!(dot.contains(r#""foo/sleep" -> "foo/httpbin" [label="🔒 mTLS"#), "{dot}");
    let mermaid = world.labctl_ok(&["graph", "-o", "mermaid"]).await;
    assert!(mermaid.contains("-->|\"🔒 mTLS, "), "{mermaid}");
    let svg = world.labctl_ok(&["graph", "-o", "svg"]).await;
    assert!(svg.contains("<title>foo/sleep to foo/httpbin: mTLS"), "{svg}");
    assert!(svg.contains("<title>unknown to foo/httpbin: plaintext"), "{svg}");
}

/// What Prometheus would read from the pod itself.
async fn metrics(world: &World) {
    let url = "http://127.0.0.1:15020/stats/prometheus";
    let text = world.exec("httpbin.foo", &["curl", "-sS", url]).await.stdout;
    let labels = [
        "reporter=\"destination\"",
        "source_principal=\"spiffe://cluster.local/ns/foo/sa/sleep\"",
        "destination_workload=\"httpbin\"",
        "destination_service=\"httpbin.foo.svc.cluster.local\"",
        "connection_security_policy=\"mutual_tls\"",
        "response_code=\"200\"",
    ];
    let line = text
        .lines()
        .find(|line| line.starts_with("istio_requests_total{") && labels.iter().all(|label| line.contains(label)));
    assert!(line.is_some_and(|line| line.ends_with(" 4")), "{text}");
    let unknown = text.lines().find(|line| {
        line.starts_with("istio_requests_total{")
            && line.contains("source_workload=\"unknown\",source_workload_namespace=\"unknown\"")
    });
    assert!(unknown.is_some_and(|line| line.ends_with(" 3")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mesh_there_is_no_graph() {
    let world = World::embedded().await;
    let ran = world.labctl(&["graph"]).await;
    let said = "error: there is no mesh of labctl on this cluster\nhint: install it with `labctl mesh install`\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (4, said));
    world.test(async |_| {}).await;
}
