//! What is refused: policies that make no sense, by the mesh; and the mesh's root, by a stranger.

use insta::allow_duplicates;
use kube::core::DynamicObject;
use labctl::cluster::ClusterError;
use serde_json::json;

use crate::{
    manifests::{client, namespace},
    support::{World, on_both_clusters},
};

on_both_clusters!(
    World:
    a_namespace_that_refuses_the_root_keeps_nobody_waiting,
    policies_without_a_meaning_are_refused_with_the_reason,
);

async fn policies_without_a_meaning_are_refused_with_the_reason(world: &World) {
    world.install_mesh().await;
    world.apply(&namespace("foo", None)).await;
    // A port has a mode of its own only where the workload is named: the mesh knows.
    let spec = json!({ "portLevelMtls": { "8080": { "mode": "DISABLE" } } });
    let said = refused(world, spec).await;
    allow_duplicates!(
        insta::assert_snapshot!(said, @r#"cannot apply PeerAuthentication foo/default: admission webhook "validation.istio.io" denied the request: spec.portLevelMtls: portLevelMtls needs a selector with labels: only workload policies may name ports"#)
    );
    // There is no such mode: the definition says so, before the mesh is asked.
    let spec = json!({ "mtls": { "mode": "SOMETIMES" } });
    let said = refused(world, spec).await;
    allow_duplicates!(
        insta::assert_snapshot!(said, @r#"cannot apply PeerAuthentication foo/default: PeerAuthentication.security.istio.io "default" is invalid: spec.mtls.mode: Unsupported value: "SOMETIMES": supported values: "UNSET", "DISABLE", "PERMISSIVE", "STRICT""#)
    );
}

async fn refused(world: &World, spec: serde_json::Value) -> String {
    let policy: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": { "name": "default", "namespace": "foo" },
        "spec": spec,
    }))
    .unwrap();
    match world.cluster.apply(vec![policy], &World::patience()).await {
        Err(error @ ClusterError::Request { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A stranger's webhook, whose server is gone, stands before everything that is written into `legacy`.
async fn a_namespace_that_refuses_the_root_keeps_nobody_waiting(world: &World) {
    let stubborn = "
apiVersion: v1
kind: Namespace
metadata: {name: legacy, labels: {example.org/stubborn: 'yes'}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: stubborn.example.org}
webhooks:
  - name: stubborn.example.org
    clientConfig: {url: 'https://127.0.0.1:9/'}
    namespaceSelector: {matchLabels: {example.org/stubborn: 'yes'}}
    rules: [{apiGroups: [''], apiVersions: [v1], resources: [configmaps], operations: [CREATE, UPDATE], scope: '*'}]
    admissionReviewVersions: [v1]
    failurePolicy: Fail
    sideEffects: None
    timeoutSeconds: 1
";
    world.apply(stubborn).await;
    world.install_mesh().await;
    world.apply(&namespace("foo", Some("enabled"))).await;
    world.until_accounts(&["foo"]).await;
    world.apply(&client(world, "sleep", "foo", "")).await;
    world.until_ready().await;
}
