//! What a standing load notices of changes: nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
    core::ResourceExt,
    runtime::wait::{await_condition, conditions},
};

use crate::{
    manifests::{client, destination_rule, namespace, peer_authentication, server},
    matrix::call,
    support::{World, on_both_clusters},
};

on_both_clusters!(World: policies_change_under_load, the_control_plane_is_replaced_under_load);

/// Requests that one curl sends, one after the other.
const BATCH: usize = 50;

async fn policies_change_under_load(world: &World) {
    deploy(world).await;
    under_load(world, async {
        for mode in ["STRICT", "PERMISSIVE", "STRICT"] {
            world.apply(&peer_authentication("foo", mode)).await;
            world.until_distributed(&["foo"]).await;
            world.apply(&destination_rule("httpbin", "foo", "ISTIO_MUTUAL")).await;
            world.until_distributed(&["foo"]).await;
            world.delete("networking.istio.io/v1", "DestinationRule", "foo", "httpbin").await;
            world.until_distributed(&["foo"]).await;
        }
    })
    .await;
    assert_eq!(call(world, "sleep.foo", "httpbin.foo").await, "mtls");
    assert_eq!(call(world, "sleep.legacy", "httpbin.foo").await, "exit 56");
}

async fn the_control_plane_is_replaced_under_load(world: &World) {
    deploy(world).await;
    under_load(world, async {
        replace_control_plane(world).await;
        // It learns anew who is there, and the sidecars trust it as before.
        world.until_up("istio-system", "labctl-mesh").await;
        world.apply(&peer_authentication("foo", "STRICT")).await;
        world.until_distributed(&["foo"]).await;
    })
    .await;
    assert_eq!(call(world, "sleep.foo", "httpbin.foo").await, "mtls");
    assert_eq!(call(world, "sleep.legacy", "httpbin.foo").await, "exit 56");
    // A newcomer gets its sidecar and its certificate from the new one.
    world.apply(&client(world, "newcomer", "foo", "")).await;
    world.until_ready().await;
    assert_eq!(call(world, "newcomer.foo", "httpbin.foo").await, "mtls");
}

async fn deploy(world: &World) {
    world.install_mesh().await;
    world.apply(&(namespace("foo", Some("enabled")) + &namespace("legacy", None))).await;
    world.until_accounts(&["foo", "legacy"]).await;
    let pods =
        [server(world, "httpbin", "foo", ""), client(world, "sleep", "foo", ""), client(world, "sleep", "legacy", "")];
    world.apply(&pods.concat()).await;
    world.until_ready().await;
    world.until_distributed(&["foo"]).await;
}

/// Ends the pod of the control plane.
async fn replace_control_plane(world: &World) {
    let pods: Api<Pod> = Api::namespaced(world.client(), "istio-system");
    let found = pods.list(&ListParams::default().labels("app=labctl-mesh")).await.unwrap();
    let [pod] = &found.items[..] else { panic!("{} control planes", found.items.len()) };
    pods.delete(&pod.name_any(), &DeleteParams::default()).await.unwrap();
    let uid = pod.uid().unwrap();
    let gone = conditions::is_deleted(&uid);
    await_condition(pods, &pod.name_any(), gone).await.unwrap();
}

/// Does something while a client of the mesh calls a server of the mesh without a pause; every call must succeed.
async fn under_load(world: &World, change: impl Future<Output = ()>) {
    let done = AtomicBool::new(false);
    let load = async {
        let mut answered = 0;
        // At least one batch comes after the last change.
        loop {
            let last = done.load(Ordering::Acquire);
            answered += batch(world).await;
            if last {
                return answered;
            }
        }
    };
    let change = async {
        change.await;
        done.store(true, Ordering::Release);
    };
    let (answered, ()) = tokio::join!(load, change);
    assert!(answered >= 2 * BATCH, "{answered} calls are no load");
}

/// Sends a batch of requests over kept connections; answers how many were answered.
async fn batch(world: &World) -> usize {
    let url = "http://httpbin.foo:8000/status/204";
    let urls = std::iter::repeat_n(url, BATCH);
    let command: Vec<&str> = ["curl", "-s", "-S", "-m", "30", "-w", "%{http_code}\n"].into_iter().chain(urls).collect();
    let done = world.exec("sleep.foo", &command).await;
    let answers: Vec<&str> = done.stdout.lines().collect();
    assert!(done.code == 0 && answers.iter().all(|&status| status == "204"), "{done:?}");
    assert_eq!(answers.len(), BATCH);
    BATCH
}
