//! Policies that make no sense are refused by the mesh, wherever it runs.

use kube::core::DynamicObject;
use labctl::cluster::ClusterError;
use serde_json::json;

use crate::{
    manifests::namespace,
    support::{World, on_both_clusters},
};

on_both_clusters!(policies_without_a_meaning_are_refused_with_the_reason);

async fn policies_without_a_meaning_are_refused_with_the_reason(world: &World) {
    world.install_mesh().await;
    world.apply(&namespace("foo", None)).await;
    // A port has a mode of its own only where the workload is named: the mesh knows.
    let spec = json!({ "portLevelMtls": { "8080": { "mode": "DISABLE" } } });
    insta::assert_snapshot!(refused(world, spec).await, @"");
    // There is no such mode: the cluster knows, from the definition.
    let spec = json!({ "mtls": { "mode": "SOMETIMES" } });
    insta::assert_snapshot!(refused(world, spec).await, @"");
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
