//! Lists: selectors, pages, revisions.

use futures::TryStreamExt;
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{api::WatchEvent, client::Body};
use labctl::embedded::auth::User;
use serde_json::{Value, json};

use crate::support::{Cluster, MAPS, PODS};

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

async fn three_maps(cluster: &Cluster) {
    for (name, tier) in [("a", "front"), ("b", "back"), ("c", "front")] {
        let map = json!({"metadata": {"name": name, "labels": {"tier": tier}}});
        cluster.post(MAPS, map).await.object(201);
    }
}

#[tokio::test]
async fn lists_have_a_type_and_their_items_none() {
    let cluster = Cluster::start().await;
    three_maps(&cluster).await;
    let list = cluster.get(MAPS).await.object(200);
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("ConfigMapList"), &json!("v1")));
    assert_eq!(names(&list), ["a", "b", "c"]);
    assert!(list["items"][0].get("kind").is_none());
    assert!(list["metadata"]["resourceVersion"].is_string());
    assert_eq!(names(&cluster.get("/api/v1/configmaps").await.object(200)), ["a", "b", "c"]);
}

#[tokio::test]
async fn selectors_choose() {
    let cluster = Cluster::start().await;
    three_maps(&cluster).await;
    for (query, expected) in [
        ("labelSelector=tier%3Dfront", vec!["a", "c"]),
        ("labelSelector=tier%20notin%20(front)", vec!["b"]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
        ("fieldSelector=metadata.name!%3Db&labelSelector=tier", vec!["a", "c"]),
    ] {
        assert_eq!(names(&cluster.get(&format!("{MAPS}?{query}")).await.object(200)), expected, "{query}");
    }
    let answer = cluster.get(&format!("{MAPS}?fieldSelector=data.a%3D1")).await;
    insta::assert_snapshot!(answer.refusal(), @r#"400 BadRequest: "data.a" is not a known field selector: only "metadata.name", "metadata.namespace""#);
    let answer = cluster.get(&format!("{MAPS}?labelSelector=a%20b")).await;
    assert_eq!(answer.code, 400);
}

#[tokio::test]
async fn pods_are_chosen_by_their_fields() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    cluster.pod("x", &["a"]).await;
    cluster.pod("y", &["a"]).await;
    let path = format!("{PODS}/y/status");
    cluster.merge(&path, json!({"status": {"phase": "Running", "podIP": "10.244.0.7"}})).await.object(200);
    let list = cluster.get(&format!("{PODS}?fieldSelector=status.phase%3DRunning,spec.nodeName%3Dhere")).await;
    assert_eq!(names(&list.object(200)), ["y"]);
}

#[tokio::test]
async fn pages_are_of_one_moment() {
    let cluster = Cluster::start().await;
    three_maps(&cluster).await;
    let first = cluster.get(&format!("{MAPS}?limit=2")).await.object(200);
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["a", "b"], &json!(1)));
    cluster.config_map("bb").await;
    cluster.delete(&format!("{MAPS}/c")).await.object(200);
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = cluster.get(&format!("{MAPS}?limit=2&continue={token}")).await.object(200);
    assert_eq!(names(&second), ["c"]);
    assert!(second["metadata"].get("continue").is_none());
    assert_eq!(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    let answer = cluster.get(&format!("{MAPS}?continue=nonsense")).await;
    assert_eq!(answer.code, 400);
}

#[tokio::test]
async fn a_page_of_a_forgotten_moment_is_gone() {
    let cluster = Cluster::with_history(4).await;
    three_maps(&cluster).await;
    let first = cluster.get(&format!("{MAPS}?limit=1")).await.object(200);
    for name in ["d", "e", "f", "g", "h"] {
        cluster.config_map(name).await;
    }
    let token = first["metadata"]["continue"].as_str().unwrap();
    let answer = cluster.get(&format!("{MAPS}?limit=1&continue={token}")).await;
    insta::assert_snapshot!(answer.refusal(), @"410 Expired: The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.");
}

#[tokio::test]
async fn the_future_is_not_known() {
    let cluster = Cluster::start().await;
    // Not through the client, which takes a 504 for a passing trouble and asks again.
    let request = http::Request::get(format!("{MAPS}?resourceVersion=99999999")).body(Body::empty()).unwrap();
    let answer = cluster.server.call(request, User::system("test")).await;
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let status: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&status["code"], &status["reason"]), (&json!(504), &json!("Timeout")));
    assert!(status["message"].as_str().unwrap().starts_with("Timeout: Too large resource version: 99999999"));
}

#[tokio::test]
async fn metadata_can_be_had_alone() {
    let cluster = Cluster::start().await;
    three_maps(&cluster).await;
    let maps: kube::Api<ConfigMap> = kube::Api::default_namespaced(cluster.client.clone());
    let one = serde_json::to_value(maps.get_metadata("a").await.unwrap()).unwrap();
    assert_eq!((&one["kind"], &one["apiVersion"]), (&json!("PartialObjectMetadata"), &json!("meta.k8s.io/v1")));
    assert_eq!(one["metadata"]["labels"], json!({"tier": "front"}));
    let list = maps.list_metadata(&kube::api::ListParams::default().labels("tier=front")).await.unwrap();
    let names: Vec<_> = list.items.iter().map(|item| item.metadata.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["a", "c"]);
    let version = list.metadata.resource_version.unwrap();
    cluster.delete(&format!("{MAPS}/b")).await.object(200);
    let watch = maps.watch_metadata(&kube::api::WatchParams::default(), &version).await.unwrap();
    let event = std::pin::pin!(watch).try_next().await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Deleted(gone) if gone.metadata.name.as_deref() == Some("b")));
    let request = http::Request::get(format!("{MAPS}/a"));
    let request = request.header("accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
    let answer = cluster.client.send(request.body(Body::empty()).unwrap()).await.unwrap();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let fields: Value = serde_json::from_slice(&bytes).unwrap();
    let fields: Vec<&String> = fields.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["apiVersion", "kind", "metadata"], "there is nothing else");
}
