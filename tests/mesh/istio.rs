//! `--mesh istio`: labs run in a mesh that somebody else installed under Istio's names, and that tells nothing.
//!
//! It is our own control plane in disguise: what matters is that nothing of labctl's is found, installed or read.

use kube::{ResourceExt, api::DynamicObject};
use labctl::mesh::install;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_passes_in_a_mesh_that_does_not_acknowledge() {
    let world = World::embedded().await;
    for object in install::manifests(&install::Settings::default()).unwrap() {
        world.apply(disguised(object)).await;
    }
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": { "name": "labctl-mesh" },
    });
    let webhook: DynamicObject = serde_json::from_value(webhook).unwrap();
    // The control plane trusts only its own; once it has, it is told apart from Istio's by nothing but its name.
    let mut injector = world
        .eventually("the webhook has its root", async || {
            let found = world.api(&webhook).get("labctl-mesh").await.unwrap();
            found.data["webhooks"][0]["clientConfig"]["caBundle"].is_string().then_some(found)
        })
        .await;
    injector.metadata =
        kube::core::ObjectMeta { name: Some("istio-sidecar-injector".to_owned()), ..Default::default() };
    injector.types = webhook.types.clone();
    world.apply(serde_json::to_value(&injector).unwrap()).await;
    world.api(&webhook).delete("labctl-mesh", &Default::default()).await.unwrap();

    let (code, stdout, stderr) = world.labctl(&["run", "mtls-strict", "--mesh", "istio", "-o", "json"]).await;
    let report: Value = serde_json::from_str(&stdout).unwrap_or_default();
    assert_eq!(code, 0, "{stderr}\n{report:#}");
    assert!(stderr.contains("note: Istio does not tell when a policy has reached its proxies"), "{stderr}");
    assert!(stdout.contains("the mesh's access logs are not read"), "what is not confirmed is not said");
    what_only_our_control_plane_tells_is_no_answer(&world).await;
    let left = world.api(&injector).get("istio-sidecar-injector").await.unwrap();
    assert_eq!(left.name_any(), "istio-sidecar-injector");
}

/// A loop is judged by what its caller sees; proxies and the graph are another matter.
const LAB: &str = "
apiVersion: labctl/v1
kind: Lab
metadata: {name: told, title: A lab of a test, summary: A lab of a test., minutes: 1}
workloads:
  sleep: {namespace: legacy, selector: {app: sleep}, container: sleep}
  httpbin: {namespace: foo, selector: {app: httpbin}, container: httpbin, host: httpbin.foo, port: 8000}
setup:
  - apply: {template: mtls-strict/namespace.yaml, with: {name: foo, mesh: true}}
  - apply: {template: mtls-strict/namespace.yaml, with: {name: legacy, mesh: false}}
  - apply: {template: mtls-strict/httpbin.yaml, with: {namespace: foo, httpbin_image: '{{ labctl.image }}'}}
  - apply: {template: mtls-strict/sleep.yaml, with: {namespace: legacy, sleep_image: '{{ labctl.image }}'}}
steps:
  - name: open
    title: A step
    text: A step.
    solve: [{label: {kind: Namespace, name: foo, labels: {a: b}}}]
    expect: [{steady: {title: L, since: open, from: sleep, to: httpbin, path: /headers}}]
  - name: close
    title: A step
    text: A step.
    solve:
      - apply: {template: mtls-strict/peer-authentication.yaml, with: {name: default, namespace: istio-system, mode: STRICT}}
    expect:
      - steady: {title: L, since: open, from: sleep, to: httpbin, path: /headers, fails: {close: reset}}
      - auth: {title: A, of: httpbin, listeners: {8080: STRICT}}
      - graph: {title: G, edges: [{from: unknown, to: httpbin, lock: open}]}
";

async fn what_only_our_control_plane_tells_is_no_answer(world: &World) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lab.yaml"), LAB).unwrap();
    let lab = folder.path().to_str().unwrap();
    let (code, stdout, stderr) =
        world.labctl(&["run", lab, "--mesh", "istio", "-o", "json", "--deadline", "20s"]).await;
    let report: Value = serde_json::from_str(&stdout).unwrap_or_default();
    assert_eq!(code, 5, "{stderr}\n{report:#}");
    let [steady, auth, graph] = &report["steps"][1]["checks"].as_array().unwrap()[..] else { panic!("{report:#}") };
    assert_eq!((&steady["outcome"], &report["steps"][0]["outcome"]), (&json!("pass"), &json!("pass")), "{report:#}");
    assert_eq!(
        auth["findings"][0]["why"],
        "only labctl's control plane tells what its proxies work with; Istio's is not asked"
    );
    assert_eq!(graph["findings"][0]["why"], "the graph is what labctl's sidecars have counted; Istio's are not asked");
}

/// An object of our mesh without our label, and the control plane under the name by which Istio's is found.
fn disguised(mut object: DynamicObject) -> Value {
    if let Some(labels) = &mut object.metadata.labels {
        labels.remove(install::MANAGED_BY.0);
    }
    if object.types.as_ref().unwrap().kind == "Deployment" {
        object.metadata.name = Some("istiod".to_owned());
        object.metadata.labels = Some([("app".to_owned(), "istiod".to_owned())].into());
    }
    serde_json::to_value(&object).unwrap()
}
