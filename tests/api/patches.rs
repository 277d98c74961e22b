//! JSON patch, merge patch, strategic merge patch.

use serde_json::json;

use crate::support::{Cluster, MAPS, PODS};

const JSON: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

#[tokio::test]
async fn a_json_patch_is_applied_as_a_whole_or_not_at_all() {
    let cluster = Cluster::start().await;
    let path = format!("{MAPS}/x");
    let before = cluster.config_map("x").await;
    let patch = json!([
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "add", "path": "/data/b", "value": "2"},
        {"op": "remove", "path": "/data/a"},
    ]);
    let after = cluster.patch(&path, JSON, patch.clone()).await.object(200);
    assert_eq!(after["data"], json!({"b": "2"}));
    assert_ne!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
    insta::assert_snapshot!(cluster.patch(&path, JSON, patch).await.refusal(), @"422 Invalid: the server rejected our request due to an error in our request");
    assert_eq!(cluster.get(&path).await.object(200), after);
    let stale = json!([{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}]);
    assert_eq!(cluster.patch(&path, JSON, stale).await.code, 409);
    assert_eq!(cluster.patch(&path, JSON, json!({"op": "nonsense"})).await.code, 400);
}

#[tokio::test]
async fn a_merge_patch_removes_with_null() {
    let cluster = Cluster::start().await;
    let path = format!("{MAPS}/x");
    let before = cluster.config_map("x").await;
    let after = cluster.merge(&path, json!({"data": {"a": null, "b": "2"}})).await.object(200);
    assert_eq!(after["data"], json!({"b": "2"}));
    let version = before["metadata"]["resourceVersion"].clone();
    let stale = cluster.merge(&path, json!({"metadata": {"resourceVersion": version}, "data": {"c": "3"}})).await;
    assert_eq!(stale.code, 409);
    let answer = cluster.merge(&format!("{MAPS}/y"), json!({})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"404 NotFound: configmaps "y" not found"#);
    let answer = cluster.patch(&path, "text/plain", json!({})).await;
    insta::assert_snapshot!(answer.refusal(), @"415 UnsupportedMediaType: 415: Unsupported Media Type");
}

#[tokio::test]
async fn a_strategic_merge_patch_merges_lists_by_their_keys() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    cluster.pod("x", &["a", "b"]).await;
    let patch = json!({"spec": {"containers": [{"name": "b", "image": "other"}]}});
    let after = cluster.patch(&format!("{PODS}/x"), STRATEGIC, patch).await.object(200);
    let images: Vec<&str> =
        after["spec"]["containers"].as_array().unwrap().iter().map(|one| one["image"].as_str().unwrap()).collect();
    assert_eq!(images, ["x", "other"]);
}

#[tokio::test]
async fn what_is_fixed_cannot_be_patched() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    let before = cluster.pod("x", &["a"]).await;
    let path = format!("{PODS}/x");
    let answer = cluster.merge(&path, json!({"spec": {"hostNetwork": true}})).await;
    assert!(answer.refusal().starts_with(r#"422 Invalid: Pod "x" is invalid: spec: Forbidden: pod updates may not"#));
    let answer = cluster.merge(&path, json!({"metadata": {"name": "y"}})).await;
    insta::assert_snapshot!(answer.refusal(), @"400 BadRequest: the name of the object (y) does not match the name on the URL (x)");
    let touched = json!({"metadata": {"creationTimestamp": null, "generation": 9}});
    assert_eq!(cluster.merge(&path, touched).await.object(200)["metadata"], before["metadata"]);
}
