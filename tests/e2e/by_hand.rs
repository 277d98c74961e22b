//! The course of mtls-strict as a trainee takes it: by hand, without `labctl run`.

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    manifests::{destination_rule, namespace, peer_authentication},
    matrix::assert_matrix,
    support::{World, on_both_clusters},
};

on_both_clusters!(World: every_step_shows_the_matrix_of_its_text);

async fn every_step_shows_the_matrix_of_its_text(world: &World) {
    world.install_mesh().await;
    deploy(world).await;
    assert_matrix(world, OPEN).await;

    world.apply(&peer_authentication("istio-system", "STRICT")).await;
    world.until_distributed(&["foo", "bar"]).await;
    assert_matrix(world, MESH_CLOSED).await;

    world.delete("security.istio.io/v1", "PeerAuthentication", "istio-system", "default").await;
    world.apply(&peer_authentication("foo", "STRICT")).await;
    world.until_distributed(&["foo", "bar"]).await;
    assert_matrix(world, FOO_CLOSED).await;

    world.delete("security.istio.io/v1", "PeerAuthentication", "foo", "default").await;
    world.apply(&(of_the_workload("") + &destination_rule("httpbin", "bar", "ISTIO_MUTUAL"))).await;
    world.until_distributed(&["foo", "bar"]).await;
    assert_matrix(world, WORKLOAD_CLOSED).await;

    world.apply(&of_the_workload("  portLevelMtls: {\"8080\": {mode: DISABLE}}")).await;
    world.until_distributed(&["foo", "bar"]).await;
    assert_matrix(world, PORT_OPEN).await;

    world.delete("networking.istio.io/v1", "DestinationRule", "bar", "httpbin").await;
    world.delete("security.istio.io/v1", "PeerAuthentication", "bar", "httpbin").await;
    world.until_distributed(&["foo", "bar"]).await;
    assert_matrix(world, OPEN).await;
}

/// Namespaces first, then the label, then what `labctl show` hands out.
async fn deploy(world: &World) {
    for name in ["foo", "bar", "legacy"] {
        world.apply(&namespace(name, None)).await;
    }
    let namespaces: Api<Namespace> = Api::all(world.client());
    let label = Patch::Merge(json!({"metadata": {"labels": {"istio-injection": "enabled"}}}));
    for name in ["foo", "bar"] {
        namespaces.patch(name, &PatchParams::default(), &label).await.unwrap();
    }
    let images = [format!("httpbin_image={}", world.image()), format!("sleep_image={}", world.image())];
    let [httpbin, sleep] = &images;
    let show = ["show", "mtls-strict", "--step", "default", "--manifests", "--set", httpbin, "--set", sleep];
    let all = world.labctl_ok(&show).await;
    let workloads: Vec<&str> = all.split("---\n").filter(|text| !text.contains("kind: Namespace")).collect();
    world.apply(&workloads.join("---\n")).await;
    world.until_ready().await;
    world.until_distributed(&["foo", "bar"]).await;
}

fn of_the_workload(more: &str) -> String {
    format!(
        "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: httpbin, namespace: bar}}
spec:
  selector: {{matchLabels: {{app: httpbin}}}}
  mtls: {{mode: STRICT}}
{more}
---
"
    )
}

const OPEN: &str = "
                 httpbin.foo   httpbin.bar   httpbin.legacy
    sleep.foo    mtls        | mtls        | plaintext
    sleep.bar    mtls        | mtls        | plaintext
    sleep.legacy plaintext   | plaintext   | plaintext";
const MESH_CLOSED: &str = "
                 httpbin.foo   httpbin.bar   httpbin.legacy
    sleep.foo    mtls        | mtls        | plaintext
    sleep.bar    mtls        | mtls        | plaintext
    sleep.legacy exit 56     | exit 56     | plaintext";
const FOO_CLOSED: &str = "
                 httpbin.foo   httpbin.bar   httpbin.legacy
    sleep.foo    mtls        | mtls        | plaintext
    sleep.bar    mtls        | mtls        | plaintext
    sleep.legacy exit 56     | plaintext   | plaintext";
const WORKLOAD_CLOSED: &str = "
                 httpbin.foo   httpbin.bar   httpbin.legacy
    sleep.foo    mtls        | mtls        | plaintext
    sleep.bar    mtls        | mtls        | plaintext
    sleep.legacy plaintext   | exit 56     | plaintext";
const PORT_OPEN: &str = "
                 httpbin.foo   httpbin.bar   httpbin.legacy
    sleep.foo    mtls        | 503         | plaintext
    sleep.bar    mtls        | 503         | plaintext
    sleep.legacy plaintext   | plaintext   | plaintext";
