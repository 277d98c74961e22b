//! Server-side apply: who owns which fields.

use serde_json::{Value, json};

use crate::support::{Cluster, MAPS};

fn config(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data})
}

#[tokio::test]
async fn applying_makes_changes_and_lets_go() {
    let cluster = Cluster::start().await;
    let path = format!("{MAPS}/x?fieldManager=one");
    let made = cluster.apply(&path, config(json!({"a": "1", "b": "2"}))).await.object(201);
    insta::assert_json_snapshot!(made["metadata"]["managedFields"], {"[].time" => "[time]"}, @r#"
    [
      {
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
          "f:data": {
            "f:a": {},
            "f:b": {}
          }
        },
        "manager": "one",
        "operation": "Apply",
        "time": "[time]"
      }
    ]
    "#);
    let again = cluster.apply(&path, config(json!({"a": "1", "b": "2"}))).await.object(200);
    assert_eq!(again, made);
    let changed = cluster.apply(&path, config(json!({"a": "3"}))).await.object(200);
    assert_eq!(changed["data"], json!({"a": "3"}));
}

#[tokio::test]
async fn fields_of_others_are_a_conflict_unless_forced() {
    let cluster = Cluster::start().await;
    cluster.apply(&format!("{MAPS}/x?fieldManager=one"), config(json!({"a": "1"}))).await.object(201);
    let two = format!("{MAPS}/x?fieldManager=two");
    let answer = cluster.apply(&two, config(json!({"a": "2"}))).await;
    insta::assert_snapshot!(answer.refusal(), @r#"409 Conflict: Apply failed with 1 conflict: conflict with "one": .data.a"#);
    assert_eq!(
        answer.body["details"]["causes"],
        json!([{"reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".data.a"}])
    );
    let forced = cluster.apply(&format!("{two}&force=true"), config(json!({"a": "2"}))).await.object(200);
    assert_eq!(forced["data"]["a"], "2");
    // The first manager no longer has the field, so giving it up changes nothing.
    let released = cluster.apply(&format!("{MAPS}/x?fieldManager=one"), config(json!({}))).await.object(200);
    assert_eq!(released["data"]["a"], "2");
}

#[tokio::test]
async fn updates_are_in_the_books_too() {
    let cluster = Cluster::start().await;
    cluster.apply(&format!("{MAPS}/x?fieldManager=one"), config(json!({"a": "1"}))).await.object(201);
    let path = format!("{MAPS}/x?fieldManager=two");
    let merged = cluster.merge(&path, json!({"data": {"b": "2"}})).await.object(200);
    let managers: Vec<&Value> =
        merged["metadata"]["managedFields"].as_array().unwrap().iter().map(|entry| &entry["manager"]).collect();
    assert_eq!(managers, ["one", "two"]);
    let answer = cluster.apply(&format!("{MAPS}/x?fieldManager=one"), config(json!({"a": "1", "b": "3"}))).await;
    assert!(answer.refusal().contains(r#"conflict with "two" using v1"#), "{}", answer.refusal());
}

#[tokio::test]
async fn an_apply_says_who_and_what() {
    let cluster = Cluster::start().await;
    let answer = cluster.apply(&format!("{MAPS}/x"), config(json!({}))).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch"#);
    let path = format!("{MAPS}/x?fieldManager=one");
    let answer = cluster.apply(&path, json!({"apiVersion": "v1", "metadata": {"name": "x"}})).await;
    assert!(answer.refusal().starts_with("400 BadRequest: Object 'Kind' is missing in"), "{answer:?}");
    let mut managed = config(json!({}));
    managed["metadata"]["managedFields"] = json!([{"manager": "me"}]);
    insta::assert_snapshot!(cluster.apply(&path, managed).await.refusal(), @"400 BadRequest: metadata.managedFields must be nil");
    let answer = cluster.merge(&format!("{path}&force=true"), json!({})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch"#);
}

#[tokio::test]
async fn an_apply_may_be_written_as_yaml() {
    let cluster = Cluster::start().await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: '1'\n";
    let path = format!("{MAPS}/x?fieldManager=one");
    let answer =
        crate::support::ask(&cluster.client, http::Method::PATCH, &path, Some("application/apply-patch+yaml"), yaml);
    assert_eq!(answer.await.object(201)["data"], json!({"a": "1"}));
}
