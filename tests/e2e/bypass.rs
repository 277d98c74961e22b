//! Ports and addresses that annotations take out of the redirection really go past the sidecar.

use k8s_openapi::api::core::v1::Service;
use kube::Api;

use crate::{
    manifests::{client, namespace, peer_authentication, server, service},
    matrix::call,
    support::{World, on_both_clusters},
};

on_both_clusters!(World: excluded_inbound_ports, excluded_outbound_ports_and_addresses);

async fn excluded_inbound_ports(world: &World) {
    world.install_mesh().await;
    world.apply(&(namespace("foo", Some("enabled")) + &namespace("legacy", None))).await;
    world.until_accounts(&["foo", "legacy"]).await;
    let servers = [
        server(world, "closed", "foo", ""),
        server(world, "excluded", "foo", "traffic.sidecar.istio.io/excludeInboundPorts: '8080'"),
        server(world, "not-included", "foo", "traffic.sidecar.istio.io/includeInboundPorts: '9090'"),
        client(world, "sleep", "legacy", ""),
        peer_authentication("istio-system", "STRICT"),
    ];
    world.apply(&servers.concat()).await;
    world.until_ready().await;
    world.until_distributed(&["foo"]).await;
    // Strict holds for all three; two of them never get to see the connection.
    assert_eq!(call(world, "sleep.legacy", "closed.foo").await, "exit 56");
    assert_eq!(call(world, "sleep.legacy", "excluded.foo").await, "plaintext");
    assert_eq!(call(world, "sleep.legacy", "not-included.foo").await, "plaintext");
}

async fn excluded_outbound_ports_and_addresses(world: &World) {
    world.install_mesh().await;
    world.apply(&namespace("foo", Some("enabled"))).await;
    world.until_accounts(&["foo"]).await;
    world.apply(&(service("httpbin", "foo") + &service("other", "foo"))).await;
    let services: Api<Service> = Api::namespaced(world.client(), "foo");
    let address = services.get("httpbin").await.unwrap().spec.unwrap().cluster_ip.unwrap();
    let range = format!("traffic.sidecar.istio.io/excludeOutboundIPRanges: {address}/32");
    let pods = [
        server(world, "httpbin", "foo", ""),
        server(world, "other", "foo", ""),
        client(world, "through", "foo", ""),
        client(world, "port", "foo", "traffic.sidecar.istio.io/excludeOutboundPorts: '8000'"),
        client(world, "address", "foo", &range),
    ];
    world.apply(&pods.concat()).await;
    world.until_ready().await;
    world.until_distributed(&["foo"]).await;
    // The servers accept both; they see what their callers sent.
    assert_eq!(call(world, "through.foo", "httpbin.foo").await, "mtls");
    assert_eq!(call(world, "port.foo", "httpbin.foo").await, "plaintext");
    assert_eq!(call(world, "address.foo", "httpbin.foo").await, "plaintext");
    assert_eq!(call(world, "address.foo", "other.foo").await, "mtls");
}
