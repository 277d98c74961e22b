//! The life of objects: made, read, replaced; names, versions, metadata.

use serde_json::json;

use crate::support::{Cluster, MAPS};

#[tokio::test]
async fn a_new_object_gets_its_metadata_from_the_server() {
    let cluster = Cluster::start().await;
    let sent = json!({
        "metadata": {"name": "x", "uid": "mine", "generation": 7, "selfLink": "/x", "deletionTimestamp": "2020-01-01T00:00:00Z"},
        "data": {"a": "1"},
    });
    let made = cluster.post(MAPS, sent).await.object(201);
    insta::assert_json_snapshot!(made, {
        ".metadata.uid" => "[uid]", ".metadata.creationTimestamp" => "[time]", ".metadata.resourceVersion" => "[version]",
        ".metadata.managedFields" => "[managed]",
    }, @r#"
    {
      "apiVersion": "v1",
      "data": {
        "a": "1"
      },
      "kind": "ConfigMap",
      "metadata": {
        "creationTimestamp": "[time]",
        "generation": 7,
        "managedFields": "[managed]",
        "name": "x",
        "namespace": "default",
        "resourceVersion": "[version]",
        "uid": "[uid]"
      }
    }
    "#);
    assert_ne!(made["metadata"]["uid"], "mine");
    assert_eq!(cluster.get(&format!("{MAPS}/x")).await.object(200), made);
}

#[tokio::test]
async fn names_are_there_and_fit_and_are_free() {
    let cluster = Cluster::start().await;
    cluster.config_map("x").await;
    let answer = cluster.post(MAPS, json!({"metadata": {"name": "x"}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"409 AlreadyExists: configmaps "x" already exists"#);
    assert_eq!(answer.body["details"], json!({"name": "x", "kind": "configmaps"}));
    let answer = cluster.post(MAPS, json!({"metadata": {}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required"#);
    let answer = cluster.post(MAPS, json!({"metadata": {"name": "No_Good"}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: ConfigMap "No_Good" is invalid: metadata.name: Invalid value: "No_Good": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#);
    let made = cluster.post(MAPS, json!({"metadata": {"generateName": "web-"}})).await.object(201);
    let name = made["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("web-") && name.len() == 9, "{name}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let cluster = Cluster::start().await;
    for (path, expected) in [
        (format!("{MAPS}/x"), r#"404 NotFound: configmaps "x" not found"#),
        (
            "/apis/apps/v1/namespaces/default/deployments/x".to_owned(),
            r#"404 NotFound: deployments.apps "x" not found"#,
        ),
        ("/api/v1/things".to_owned(), "404 NotFound: the server could not find the requested resource"),
        ("/apis/apps/v1beta1/deployments".to_owned(), "404 NotFound: the server could not find the requested resource"),
    ] {
        assert_eq!(cluster.get(&path).await.refusal(), expected, "{path}");
    }
    let answer = cluster.get("/apis/example.com/v1/things").await;
    assert_eq!((answer.code, answer.body), (404, json!("404 page not found\n")));
    let answer = cluster.get("/nowhere").await;
    assert!(answer.code == 404 && answer.body["paths"].is_array(), "{answer:?}");
    let answer = cluster.post("/api/v1/namespaces/foo/configmaps", json!({"metadata": {"name": "x"}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"404 NotFound: namespaces "foo" not found"#);
    let answer = cluster.post(&format!("{MAPS}/x"), json!({})).await;
    insta::assert_snapshot!(answer.refusal(), @"405 MethodNotAllowed: the server does not allow this method on the requested resource");
}

#[tokio::test]
async fn a_body_is_of_the_kind_that_the_path_promises() {
    let cluster = Cluster::start().await;
    let wrong = json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "x"}});
    insta::assert_snapshot!(cluster.post(MAPS, wrong).await.refusal(), @r#"400 BadRequest: Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion"#);
    let wrong = json!({"kind": "ConfigMap", "apiVersion": "v2", "metadata": {"name": "x"}});
    insta::assert_snapshot!(cluster.post(MAPS, wrong).await.refusal(), @r#"400 BadRequest: ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "pkg/api/legacyscheme/scheme.go:30""#);
    let wrong = json!({"metadata": {"name": "x", "namespace": "other"}});
    insta::assert_snapshot!(cluster.post(MAPS, wrong).await.refusal(), @"400 BadRequest: the namespace of the provided object does not match the namespace sent on the request");
    let answer = cluster.patch(MAPS, "text/plain", json!({})).await;
    assert_eq!(answer.code, 405);
    let answer = crate::support::ask(&cluster.client, http::Method::POST, MAPS, Some("text/plain"), "hello").await;
    insta::assert_snapshot!(answer.refusal(), @"415 UnsupportedMediaType: the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf");
}

#[tokio::test]
async fn unknown_fields_are_told_or_refused_or_ignored() {
    let cluster = Cluster::start().await;
    let sent = |name: &str| json!({"metadata": {"name": name}, "date": {}, "datum": {"a": 1}});
    let answer = cluster.post(MAPS, sent("warned")).await;
    assert_eq!(answer.warnings, [r#"299 - "unknown field \"datum\"""#]);
    assert!(answer.object(201).get("datum").is_none());
    let answer = cluster.post(&format!("{MAPS}?fieldValidation=Ignore"), sent("ignored")).await;
    assert_eq!((answer.code, answer.warnings.len()), (201, 0));
    let answer = cluster.post(&format!("{MAPS}?fieldValidation=Strict"), sent("strict")).await;
    insta::assert_snapshot!(answer.refusal(), @r#"400 BadRequest: ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "datum""#);
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let cluster = Cluster::start().await;
    let made = cluster.post(&format!("{MAPS}?dryRun=All"), json!({"metadata": {"name": "x"}})).await.object(201);
    assert!(made["metadata"]["uid"].is_string() && made["metadata"].get("resourceVersion").is_none());
    assert_eq!(cluster.get(&format!("{MAPS}/x")).await.code, 404);
    let before = cluster.config_map("x").await;
    let changed = cluster.merge(&format!("{MAPS}/x?dryRun=All"), json!({"data": {"a": "2"}})).await.object(200);
    assert_eq!(changed["data"]["a"], "2");
    assert_eq!(cluster.delete(&format!("{MAPS}/x?dryRun=All")).await.code, 200);
    assert_eq!(cluster.get(&format!("{MAPS}/x")).await.object(200), before);
    let answer = cluster.post(&format!("{MAPS}?dryRun=Some"), json!({"metadata": {"name": "y"}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: []string{"Some"}: supported values: "All""#);
}

#[tokio::test]
async fn a_stale_replacement_is_a_conflict() {
    let cluster = Cluster::start().await;
    let path = format!("{MAPS}/x");
    let mut stale = cluster.config_map("x").await;
    cluster.merge(&path, json!({"data": {"a": "2"}})).await.object(200);
    stale["data"]["a"] = "3".into();
    insta::assert_snapshot!(cluster.put(&path, &stale).await.refusal(), @r#"409 Conflict: Operation cannot be fulfilled on configmaps "x": the object has been modified; please apply your changes to the latest version and try again"#);
    stale["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    assert_eq!(cluster.put(&path, &stale).await.object(200)["data"]["a"], "3");
    stale["metadata"]["uid"] = "another".into();
    assert!(cluster.put(&path, &stale).await.refusal().starts_with("409 Conflict: Operation cannot be fulfilled"));
    stale["metadata"]["name"] = "y".into();
    insta::assert_snapshot!(cluster.put(&path, &stale).await.refusal(), @"400 BadRequest: the name of the object (y) does not match the name on the URL (x)");
    insta::assert_snapshot!(cluster.put(&format!("{MAPS}/y"), &stale).await.refusal(), @r#"404 NotFound: configmaps "y" not found"#);
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_no_write() {
    let cluster = Cluster::start().await;
    let before = cluster.config_map("x").await;
    let after = cluster.put(&format!("{MAPS}/x"), &before).await.object(200);
    assert_eq!(after, before);
}

#[tokio::test]
async fn generations_count_wishes_only() {
    let cluster = Cluster::start().await;
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let template = json!({
        "metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    let deployment = json!({
        "metadata": {"name": "x"},
        "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template},
        "status": {"replicas": 7},
    });
    let made = cluster.post(deployments, deployment).await.object(201);
    assert_eq!((&made["metadata"]["generation"], &made["status"]), (&json!(1), &json!({})));
    let path = format!("{deployments}/x");
    let labelled = cluster.merge(&path, json!({"metadata": {"labels": {"a": "b"}}, "status": {"replicas": 3}})).await;
    let labelled = labelled.object(200);
    assert_eq!((&labelled["metadata"]["generation"], &labelled["status"]), (&json!(1), &json!({})));
    let status =
        cluster.merge(&format!("{path}/status"), json!({"status": {"replicas": 3}, "spec": {"replicas": 9}})).await;
    let status = status.object(200);
    assert_eq!((&status["status"]["replicas"], &status["spec"]["replicas"]), (&json!(3), &json!(1)));
    assert_eq!(status["metadata"]["generation"], 1);
    let scaled = cluster.merge(&path, json!({"spec": {"replicas": 2}})).await.object(200);
    assert_eq!(scaled["metadata"]["generation"], 2);
}
