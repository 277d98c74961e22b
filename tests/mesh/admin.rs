//! `labctl mesh install | status | uninstall`, on the embedded cluster and on a real one.

use kube::{ResourceExt, api::DynamicObject};
use labctl::mesh::install;
use serde_json::{Value, json};

use crate::{
    both::on_both_clusters,
    world::{NAMESPACE, World},
};

on_both_clusters!(World: the_mesh_comes_and_goes, definitions_of_others_stay_as_they_are);

async fn the_mesh_comes_and_goes(world: &World) {
    let (code, _, stderr) = world.labctl(&["mesh", "status"]).await;
    assert_eq!((code, stderr.as_str()), (4, ABSENT));
    let (code, _, stderr) = world.labctl(&["mesh", "uninstall"]).await;
    assert_eq!((code, stderr.as_str()), (4, ABSENT));

    let dry = world.must(&["mesh", "install", "--dry-run"]).await;
    assert!(dry.ends_with("dry run: nothing was changed\n"), "{dry}");
    let first = world.must(&["mesh", "install"]).await;
    let count = install::manifests(&install::Settings::default()).unwrap().len();
    assert_eq!(first.lines().filter(|line| line.starts_with("created ")).count(), count, "{first}");
    let second = world.must(&["mesh", "install"]).await;
    assert_eq!(second.lines().filter(|line| line.starts_with("unchanged ")).count(), count, "{second}");
    assert!(second.contains("the mesh is ready and unchanged, with localhost/labctl:"), "{second}");

    world.make_namespace().await;
    world.pod("web", &["httpbin"]).await;
    let policy = peer_authentication("STRICT");
    world.apply(policy.clone()).await;
    let state = world.until_state(|state| state["inSync"] == true && !state["proxies"][0].is_null()).await;
    let proxy = &state["proxies"][0];
    assert_eq!((&proxy["pod"], &proxy["sync"]), (&json!("web"), &json!("SYNCED")));
    assert_eq!(proxy["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(proxy["id"], format!("spiffe://cluster.local/ns/{NAMESPACE}/sa/default"));
    let table = world.must(&["mesh", "status"]).await;
    assert!(table.starts_with("control plane  healthy, 1 of 1 ready\n"), "{table}");

    let (code, _, stderr) = world.labctl(&["mesh", "uninstall"]).await;
    assert_eq!(code, 4, "{stderr}");
    for named in ["the mesh is in use", "meshed/web", "PeerAuthentication meshed/default", "--yes"] {
        assert!(stderr.contains(named), "{stderr}");
    }
    world.delete_namespace().await;
    let removed = world.must(&["mesh", "uninstall"]).await;
    assert!(removed.ends_with("nothing of labctl's mesh is left\n"), "{removed}");
    assert_eq!(world.labctl(&["mesh", "status"]).await.0, 4);
}

const ABSENT: &str = "error: there is no mesh of labctl on this cluster\nhint: install it with `labctl mesh install`\n";

fn peer_authentication(mode: &str) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": { "name": "default", "namespace": NAMESPACE },
        "spec": { "mtls": { "mode": mode } },
    })
}

fn manifest(kind: &str, name: &str) -> DynamicObject {
    let objects = install::manifests(&install::Settings::default()).unwrap().into_iter();
    let mut wanted = objects
        .filter(|object| object.types.as_ref().unwrap().kind == kind && object.metadata.name.as_deref() == Some(name));
    wanted.next().unwrap()
}

async fn definitions_of_others_stay_as_they_are(world: &World) {
    const NAME: &str = "peerauthentications.security.istio.io";
    let mut theirs = manifest("CustomResourceDefinition", NAME);
    theirs.metadata.labels = None;
    let theirs = world.apply(serde_json::to_value(&theirs).unwrap()).await;
    let kept = format!("kept       CustomResourceDefinition {NAME} (not labctl's)");
    let installed = world.must(&["mesh", "install"]).await;
    assert!(installed.contains(&kept), "{installed}");
    let removed = world.must(&["mesh", "uninstall"]).await;
    assert!(removed.contains(&format!("kept     CustomResourceDefinition {NAME}")), "{removed}");
    let after = world.api(&theirs).get(NAME).await.unwrap();
    assert_eq!((after.uid(), after.metadata.generation), (theirs.uid(), theirs.metadata.generation));
    assert_eq!(after.data["spec"], theirs.data["spec"]);
    world.api(&theirs).delete(NAME, &Default::default()).await.unwrap();
    world
        .eventually("the definition is gone", async || {
            world.api(&theirs).get_opt(NAME).await.unwrap().is_none().then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_is_never_overwritten() {
    let world = World::embedded().await;
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "istio-system" } });
    world.apply(namespace).await;
    let (code, _, stderr) = world.labctl(&["mesh", "install"]).await;
    assert_eq!(code, 4);
    insta::assert_snapshot!(stderr, @r"
    error: already on the cluster, and not created by labctl:
      Namespace istio-system
    hint: labctl only changes what it created itself: delete these objects, or use a cluster without them
    ");
    let container = json!({ "name": "discovery", "image": "istio/pilot:1.24" });
    let labels = json!({ "app": "istiod" });
    world
        .apply(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "istiod", "namespace": "istio-system", "labels": labels },
            "spec": {
                "replicas": 0,
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": { "containers": [container] } },
            },
        }))
        .await;
    for command in [&["mesh", "install"][..], &["mesh", "status"], &["run", "mtls-strict"]] {
        let (code, _, stderr) = world.labctl(command).await;
        assert_eq!(code, 4, "{command:?}");
        let expected = "this cluster has an Istio already (Deployment istio-system/istiod)\n\
                        hint: labs run against it with `labctl run LAB --mesh istio`\n";
        assert!(stderr.ends_with(expected), "{command:?}: {stderr}");
    }
    let (code, _, stderr) = world.labctl(&["run", "mtls-strict", "--mesh", "istio"]).await;
    assert_eq!(code, 4);
    assert!(stderr.contains("there is no Istio on this cluster: no webhook istio-sidecar-injector\n"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_are_printed_without_a_cluster() {
    let command = |format: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_labctl"));
        command
            .args(["mesh", "install", "--image", "example.org/labctl:2", "-o", format])
            .env("KUBECONFIG", "/nowhere");
        let output = command.output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let list: Value = serde_json::from_str(&command("json")).unwrap();
    let documents = serde_yaml::Deserializer::from_str(&command("yaml"))
        .map(|document| <Value as serde::Deserialize>::deserialize(document).unwrap())
        .collect::<Vec<_>>();
    assert_eq!(list["items"], json!(documents));
    assert!(command("yaml").contains("image: example.org/labctl:2\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_uses_the_mesh_that_is_there_and_leaves_it() {
    let world = World::embedded().await;
    world.must(&["mesh", "install"]).await;
    let (code, _, stderr) =
        world.labctl(&["run", "mtls-strict", "--image", "localhost/labctl:other", "--deadline", "1s"]).await;
    assert_ne!(code, 0, "that image is nowhere");
    let notice = "note: the mesh that is there is used as it is, with localhost/labctl:0.1.0; \
                  `labctl mesh install --image localhost/labctl:other` would change it\n";
    assert!(stderr.contains(notice), "{stderr}");
    world.must(&["mesh", "status"]).await;
}

#[test]
fn an_image_or_istio_is_for_a_cluster_that_is_there() {
    let told = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_labctl")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    insta::assert_snapshot!(told(&["run", "mtls-strict", "--image", "a:1"]), @r"
    error: --image is for a Kubernetes that is there: the embedded cluster has no images but its own
    hint: name it with --context, or say --on k8s
    ");
    insta::assert_snapshot!(told(&["run", "mtls-strict", "--mesh", "istio"]), @r"
    error: --mesh istio is for a Kubernetes that is there
    hint: name it with --context, or say --on k8s
    ");
}
