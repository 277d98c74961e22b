//! Tokens of service accounts.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Cluster, PODS, ask};

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

async fn token(cluster: &Cluster, spec: Value) -> String {
    let answer = cluster.post(&format!("{ACCOUNTS}/default/token"), json!({"spec": spec})).await.object(201);
    answer["status"]["token"].as_str().unwrap().to_owned()
}

async fn review(cluster: &Cluster, token: &str, audiences: &[&str]) -> Value {
    let review = json!({"spec": {"token": token, "audiences": audiences}});
    cluster.post(REVIEWS, review).await.object(201)["status"].clone()
}

#[tokio::test]
async fn a_token_tells_whose_it_is() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    let pod = cluster.pod("x", &["a"]).await;
    let bound = json!({"kind": "Pod", "apiVersion": "v1", "name": "x", "uid": pod["metadata"]["uid"]});
    let token =
        token(&cluster, json!({"audiences": ["istio-ca"], "expirationSeconds": 600, "boundObjectRef": bound})).await;
    let status = review(&cluster, &token, &["istio-ca", "other"]).await;
    insta::assert_json_snapshot!(status, {
        ".user.uid" => "[uid]",
        ".user.extra[\"authentication.kubernetes.io/credential-id\"]" => "[id]",
        ".user.extra[\"authentication.kubernetes.io/pod-uid\"]" => "[uid]",
    }, @r#"
    {
      "audiences": [
        "istio-ca"
      ],
      "authenticated": true,
      "user": {
        "extra": {
          "authentication.kubernetes.io/credential-id": "[id]",
          "authentication.kubernetes.io/node-name": [
            "here"
          ],
          "authentication.kubernetes.io/node-uid": [
            ""
          ],
          "authentication.kubernetes.io/pod-name": [
            "x"
          ],
          "authentication.kubernetes.io/pod-uid": "[uid]"
        },
        "groups": [
          "system:serviceaccounts",
          "system:serviceaccounts:default",
          "system:authenticated"
        ],
        "uid": "[uid]",
        "username": "system:serviceaccount:default:default"
      }
    }
    "#);
    let status = review(&cluster, &token, &["other"]).await;
    insta::assert_snapshot!(status["error"].as_str().unwrap(), @r#"[invalid bearer token, token audiences ["istio-ca"] is invalid for the target audiences ["other"]]"#);
    cluster.delete_with(&format!("{PODS}/x"), json!({"gracePeriodSeconds": 0})).await.object(200);
    let status = review(&cluster, &token, &["istio-ca"]).await;
    insta::assert_snapshot!(status["error"].as_str().unwrap(), @"[invalid bearer token, service account token has been invalidated]");
    assert_eq!(status.get("authenticated"), None);
    assert_eq!(review(&cluster, "nonsense", &[]).await["error"], "[invalid bearer token]");
}

#[tokio::test]
async fn a_token_opens_the_door_for_its_account_only() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    let client = cluster.client_with_token(&token(&cluster, json!({})).await).await;
    let answer = ask(&client, Method::GET, PODS, None, "").await;
    insta::assert_snapshot!(answer.refusal(), @r#"403 Forbidden: pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" in the namespace "default""#);
    let path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";
    let binding = json!({
        "metadata": {"name": "view"},
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "default"}],
    });
    cluster.post(path, binding).await.object(201);
    assert_eq!(ask(&client, Method::GET, PODS, None, "").await.code, 200);
    assert_eq!(ask(&client, Method::GET, "/api/v1/pods", None, "").await.code, 403);
    let elsewhere = cluster.client_with_token(&token(&cluster, json!({"audiences": ["istio-ca"]})).await).await;
    assert_eq!(ask(&elsewhere, Method::GET, PODS, None, "").await.code, 401);
    cluster.delete(&format!("{ACCOUNTS}/default")).await.object(200);
    assert_eq!(ask(&client, Method::GET, PODS, None, "").await.code, 401);
}

#[tokio::test]
async fn token_requests_are_checked() {
    let cluster = Cluster::start().await;
    cluster.default_account().await;
    let path = format!("{ACCOUNTS}/default/token");
    let answer = cluster.post(&path, json!({"spec": {"expirationSeconds": 1}})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"422 Invalid: TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes"#);
    let bound = json!({"spec": {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "x"}}});
    insta::assert_snapshot!(cluster.post(&path, bound).await.refusal(), @r#"404 NotFound: pods "x" not found"#);
    let answer = cluster.post(&format!("{ACCOUNTS}/other/token"), json!({})).await;
    insta::assert_snapshot!(answer.refusal(), @r#"404 NotFound: serviceaccounts "other" not found"#);
}
