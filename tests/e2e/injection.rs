//! Who gets a sidecar, asked of the webhook itself; and what an init container does the second time.

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use crate::{
    manifests::{client, namespace, peer_authentication, service},
    matrix::call,
    support::{World, on_both_clusters},
};

on_both_clusters!(World: namespace_and_pod_decide_together, redirecting_a_second_time_changes_nothing);

async fn namespace_and_pod_decide_together(world: &World) {
    world.install_mesh().await;
    let namespaces = [("foo", Some("enabled")), ("bar", Some("disabled")), ("legacy", None)];
    world.apply(&namespaces.map(|(name, wish)| namespace(name, wish)).concat()).await;
    world.until_accounts(&["foo", "bar", "legacy"]).await;

    // The label of the pod, its annotation of old; with a sidecar in foo (enabled), bar (disabled), legacy (silent)?
    let cases = [
        (None, None, [true, false, false]),
        (Some("true"), None, [true, false, true]),
        (Some("false"), None, [false, false, false]),
        (None, Some("false"), [false, false, false]),
        (Some("true"), Some("false"), [true, false, true]),
        (Some("false"), Some("true"), [false, false, false]),
    ];
    for (label, annotation, expected) in cases {
        let mut injected = Vec::new();
        for (name, _) in namespaces {
            injected.push(with_sidecar(world, name, label, annotation).await);
        }
        assert_eq!(injected, expected, "label {label:?}, annotation {annotation:?}");
    }
}

/// Whether a pod that would be created would have a sidecar.
async fn with_sidecar(world: &World, namespace: &str, label: Option<&str>, annotation: Option<&str>) -> bool {
    let pod = admitted(world, namespace, label, annotation).await;
    let containers = pod.spec.unwrap().containers;
    containers.iter().any(|container| container.name == "istio-proxy")
}

/// A pod as it would be after admission.
async fn admitted(world: &World, namespace: &str, label: Option<&str>, annotation: Option<&str>) -> Pod {
    let wish = |value: Option<&str>| value.map_or(json!({}), |value| json!({"sidecar.istio.io/inject": value}));
    let pod = json!({
        "metadata": { "name": "asks", "labels": wish(label), "annotations": wish(annotation) },
        "spec": { "containers": [{ "name": "app", "image": world.image(), "command": ["sleep", "infinity"] }] },
    });
    let pods: Api<Pod> = Api::namespaced(world.client(), namespace);
    let only_ask = PostParams { dry_run: true, ..PostParams::default() };
    pods.create(&only_ask, &serde_json::from_value(pod).unwrap()).await.unwrap()
}

/// A restarted pod runs its init containers again, in the network that it has had: here two of them, one by one.
async fn redirecting_a_second_time_changes_nothing(world: &World) {
    world.install_mesh().await;
    world.apply(&(namespace("foo", Some("enabled")) + &namespace("legacy", None))).await;
    world.until_accounts(&["foo", "legacy"]).await;
    world.apply(&(client(world, "sleep", "legacy", "") + &client(world, "sleep", "foo", ""))).await;
    world.until_ready().await;

    let mut twice = serde_json::to_value(admitted(world, "foo", None, None).await).unwrap();
    let containers = twice["spec"]["initContainers"].as_array_mut().unwrap();
    let mut again = containers[0].clone();
    again["name"] = "again".into();
    containers.push(again);
    world.apply(&as_manifest(twice)).await;
    world.until_ready().await;
    world.apply(&(service("twice", "foo") + &peer_authentication("istio-system", "STRICT"))).await;
    world.until_distributed(&["foo"]).await;
    assert_eq!(call(world, "sleep.foo", "twice.foo").await, "mtls");
    assert_eq!(call(world, "sleep.legacy", "twice.foo").await, "exit 56");
}

/// An admitted pod as somebody would write it: httpbin, under the name and label `twice`.
fn as_manifest(mut pod: Value) -> String {
    let spec = &mut pod["spec"];
    spec["containers"][0]["command"] = json!(["httpbin"]);
    spec["terminationGracePeriodSeconds"] = 1.into();
    let annotations = pod["metadata"]["annotations"].clone();
    let mut labels = pod["metadata"]["labels"].clone();
    labels["app"] = "twice".into();
    let metadata = json!({"name": "twice", "namespace": "foo", "labels": labels, "annotations": annotations});
    let spec = pod["spec"].take();
    serde_yaml::to_string(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})).unwrap()
}
