//! Watches: from the beginning, from a version, with selectors, bookmarks, and from a version that is gone.

use futures::{AsyncBufReadExt, StreamExt, TryStreamExt, stream::BoxStream};
use http::Request;
use kube::Client;
use serde_json::{Value, json};

use crate::support::{Cluster, MAPS};

type Events = BoxStream<'static, Value>;

async fn watch(client: &Client, query: &str) -> Events {
    let request = Request::get(format!("{MAPS}?watch=true&{query}")).body(Vec::new()).unwrap();
    let lines = client.request_stream(request).await.unwrap().lines().into_stream();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).boxed()
}

/// The next event, as its type and the object's name.
async fn next(events: &mut Events) -> String {
    let event = events.next().await.expect("the watch goes on");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{} {}", text(&event["type"]), text(&event["object"]["metadata"]["name"]))
}

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap()
}

#[tokio::test]
async fn a_watch_without_a_version_begins_with_what_is_there() {
    let cluster = Cluster::start().await;
    cluster.config_map("a").await;
    let mut events = watch(&cluster.client, "").await;
    assert_eq!(next(&mut events).await, "ADDED a");
    cluster.config_map("b").await;
    assert_eq!(next(&mut events).await, "ADDED b");
    cluster.merge(&format!("{MAPS}/b"), json!({"data": {"a": "2"}})).await.object(200);
    assert_eq!(next(&mut events).await, "MODIFIED b");
    cluster.delete(&format!("{MAPS}/a")).await.object(200);
    assert_eq!(next(&mut events).await, "DELETED a");
}

#[tokio::test]
async fn a_watch_from_a_version_tells_everything_after_it() {
    let cluster = Cluster::start().await;
    let a = cluster.config_map("a").await;
    let b = cluster.config_map("b").await;
    cluster.delete(&format!("{MAPS}/a")).await.object(200);
    let mut events = watch(&cluster.client, &format!("resourceVersion={}", version(&a))).await;
    let first = events.next().await.unwrap();
    assert_eq!(first, json!({"type": "ADDED", "object": b}));
    let last = events.next().await.unwrap();
    assert_eq!(last["type"], "DELETED");
    assert!(version(&last["object"]).parse::<u64>().unwrap() > version(&b).parse().unwrap());
}

#[tokio::test]
async fn objects_enter_and_leave_a_selection() {
    let cluster = Cluster::start().await;
    let mut events = watch(&cluster.client, "labelSelector=tier%3Dfront").await;
    let path = format!("{MAPS}/a");
    cluster.config_map("a").await;
    cluster.merge(&path, json!({"metadata": {"labels": {"tier": "front"}}})).await.object(200);
    assert_eq!(next(&mut events).await, "ADDED a");
    let left = cluster.merge(&path, json!({"metadata": {"labels": {"tier": "back"}}})).await.object(200);
    let event = events.next().await.unwrap();
    assert_eq!((&event["type"], version(&event["object"])), (&json!("DELETED"), version(&left)));
    assert_eq!(event["object"]["metadata"]["labels"]["tier"], "front");
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let cluster = Cluster::start().await;
    let a = cluster.config_map("a").await;
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut events = watch(&cluster.client, query).await;
    assert_eq!(next(&mut events).await, "ADDED a");
    let bookmark = events.next().await.unwrap();
    assert_eq!((&bookmark["type"], &bookmark["object"]["kind"]), (&json!("BOOKMARK"), &json!("ConfigMap")));
    assert_eq!(version(&bookmark["object"]), version(&a));
    assert_eq!(bookmark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let answer = cluster.get(&format!("{MAPS}?watch=true&sendInitialEvents=true")).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"#);
}

#[tokio::test]
async fn a_watch_ends_in_time_with_a_bookmark() {
    let cluster = Cluster::start().await;
    let a = cluster.config_map("a").await;
    let query = format!("timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion={}", version(&a));
    let events: Vec<Value> = watch(&cluster.client, &query).await.collect().await;
    assert_eq!(events.iter().map(|event| event["type"].as_str().unwrap()).collect::<Vec<_>>(), ["BOOKMARK"]);
    assert_eq!(version(&events[0]["object"]), version(&a));
}

#[tokio::test]
async fn a_version_that_is_gone_is_an_error_event() {
    let cluster = Cluster::with_history(2).await;
    let a = cluster.config_map("a").await;
    for name in ["b", "c", "d"] {
        cluster.config_map(name).await;
    }
    let events: Vec<Value> = watch(&cluster.client, &format!("resourceVersion={}", version(&a))).await.collect().await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event["type"], "ERROR");
    let status = &event["object"];
    assert_eq!(
        (&status["kind"], &status["code"], &status["reason"]),
        (&json!("Status"), &json!(410), &json!("Expired"))
    );
    assert!(status["message"].as_str().unwrap().starts_with("too old resource version: "));
}

#[tokio::test]
async fn watches_end_with_the_server() {
    let cluster = Cluster::start().await;
    let mut events = watch(&cluster.client, "").await;
    cluster.config_map("a").await;
    assert_eq!(next(&mut events).await, "ADDED a");
    cluster.front.close().await;
    assert_eq!(events.next().await, None);
}
