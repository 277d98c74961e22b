//! Deleting: preconditions, grace, finalizers, propagation, collections, namespaces.

use serde_json::{Value, json};

use crate::support::{Cluster, MAPS, PODS};

#[tokio::test]
async fn a_deletion_answers_with_a_status() {
    let cluster = Cluster::start().await;
    let map = cluster.config_map("x").await;
    let answer = cluster.delete(&format!("{MAPS}/x")).await.object(200);
    let details = json!({"name": "x", "kind": "configmaps", "uid": map["metadata"]["uid"]});
    assert_eq!(
        answer,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
    );
    insta::assert_snapshot!(cluster.delete(&format!("{MAPS}/x")).await.refusal(), @r#"404 NotFound: configmaps "x" not found"#);
}

#[tokio::test]
async fn preconditions_protect_other_objects() {
    let cluster = Cluster::start().await;
    let map = cluster.config_map("x").await;
    let path = format!("{MAPS}/x");
    let uid = map["metadata"]["uid"].as_str().unwrap();
    let answer = cluster.delete_with(&path, json!({"preconditions": {"uid": "other"}})).await;
    assert_eq!(
        answer.refusal(),
        format!(
            "409 Conflict: Operation cannot be fulfilled on ConfigMap \"x\": the UID in the precondition (other) does not \
             match the UID in record ({uid}). The object might have been deleted and then recreated"
        )
    );
    let answer = cluster.delete_with(&path, json!({"preconditions": {"resourceVersion": "1"}})).await;
    assert_eq!(answer.code, 409);
    assert_eq!(cluster.delete_with(&path, json!({"preconditions": {"uid": uid}})).await.code, 200);
}

#[tokio::test]
async fn finalizers_hold_an_object_until_they_are_gone() {
    let cluster = Cluster::start().await;
    let held = json!({"metadata": {"name": "x", "finalizers": ["example.com/hold"]}});
    cluster.post(MAPS, held).await.object(201);
    let path = format!("{MAPS}/x");
    let held = cluster.delete(&path).await.object(200);
    assert!(held["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(held["metadata"]["deletionGracePeriodSeconds"], 0);
    let again = cluster.delete(&path).await.object(200);
    assert_eq!(again["metadata"]["resourceVersion"], held["metadata"]["resourceVersion"]);
    let answer =
        cluster.merge(&path, json!({"metadata": {"finalizers": ["example.com/hold", "example.com/new"]}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: ConfigMap "x" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/new"}"#);
    cluster.merge(&path, json!({"metadata": {"finalizers": null}})).await.object(200);
    assert_eq!(cluster.get(&path).await.code, 404);
}

#[tokio::test]
async fn propagation_is_left_to_the_garbage_collector() {
    let cluster = Cluster::start().await;
    for (name, policy, code, finalizers) in [
        ("a", "Foreground", 200, json!(["foregroundDeletion"])),
        ("b", "Orphan", 200, json!(["orphan"])),
        ("c", "Background", 200, Value::Null),
    ] {
        cluster.config_map(name).await;
        let answer = cluster.delete_with(&format!("{MAPS}/{name}"), json!({"propagationPolicy": policy})).await;
        let answer = answer.object(code);
        assert_eq!(answer["metadata"]["finalizers"], finalizers, "{policy}");
    }
    let answer = cluster.delete_with(&format!("{MAPS}/a"), json!({"propagationPolicy": "Sideways"})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways": supported values: "Foreground", "Background", "Orphan", "nil""#);
}

#[tokio::test]
async fn a_running_pod_gets_time_to_end() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    cluster.pod("x", &["a"]).await;
    let path = format!("{PODS}/x");
    let ending = cluster.delete(&path).await.object(200);
    assert_eq!(ending["metadata"]["deletionGracePeriodSeconds"], 30);
    let slower = cluster.delete_with(&path, json!({"gracePeriodSeconds": 60})).await.object(200);
    assert_eq!(slower["metadata"]["deletionGracePeriodSeconds"], 30);
    let faster = cluster.delete_with(&path, json!({"gracePeriodSeconds": 1})).await.object(200);
    assert_eq!(faster["metadata"]["deletionGracePeriodSeconds"], 1);
    let gone = cluster.delete_with(&path, json!({"gracePeriodSeconds": 0})).await.object(200);
    assert_eq!(gone["kind"], "Pod");
    assert_eq!(cluster.get(&path).await.code, 404);
}

#[tokio::test]
async fn a_pod_without_a_node_goes_at_once() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    let pod = json!({"metadata": {"name": "x"}, "spec": {"containers": [{"name": "a", "image": "x"}]}});
    cluster.post(PODS, pod).await.object(201);
    assert_eq!(cluster.delete(&format!("{PODS}/x")).await.object(200)["kind"], "Pod");
    assert_eq!(cluster.get(&format!("{PODS}/x")).await.code, 404);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let cluster = Cluster::start().await;
    for (name, tier) in [("a", "front"), ("b", "back"), ("c", "front")] {
        cluster.post(MAPS, json!({"metadata": {"name": name, "labels": {"tier": tier}}})).await.object(201);
    }
    let deleted = cluster.delete(&format!("{MAPS}?labelSelector=tier%3Dfront")).await.object(200);
    assert_eq!((&deleted["kind"], deleted["items"].as_array().unwrap().len()), (&json!("ConfigMapList"), 2));
    assert_eq!(cluster.get(MAPS).await.object(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_namespace_ends_when_it_is_finalized() {
    let cluster = Cluster::start().await;
    let made = cluster.post("/api/v1/namespaces", json!({"metadata": {"name": "foo"}})).await.object(201);
    assert_eq!(made["spec"], json!({"finalizers": ["kubernetes"]}));
    assert_eq!(made["status"], json!({"phase": "Active"}));
    assert_eq!(made["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "foo"}));
    let mut ending = cluster.delete("/api/v1/namespaces/foo").await.object(200);
    assert_eq!(ending["status"]["phase"], "Terminating");
    let answer = cluster.post("/api/v1/namespaces/foo/configmaps", json!({"metadata": {"name": "x"}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"403 Forbidden: configmaps "x" is forbidden: unable to create new content in namespace foo because it is being terminated"#);
    assert_eq!(answer.body["details"]["causes"][0]["reason"], "NamespaceTerminating");
    ending["spec"]["finalizers"] = json!([]);
    cluster.put("/api/v1/namespaces/foo/finalize", &ending).await.object(200);
    assert_eq!(cluster.get("/api/v1/namespaces/foo").await.code, 404);
    let answer = cluster.delete("/api/v1/namespaces/default").await;
    insta::assert_snapshot!(answer.refusal(), @r#"403 Forbidden: namespaces "default" is forbidden: this namespace may not be deleted"#);
}
