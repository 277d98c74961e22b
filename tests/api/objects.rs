//! The life of objects of built-in kinds.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use labctl::embedded::{api::Server, auth::User};
use serde_json::json;

fn client() -> kube::Client {
    Server::default().client(User::system("test"))
}

fn message(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} {}: {}", status.code, status.reason, status.message),
        other => panic!("not an answer of the server: {other}"),
    }
}

#[tokio::test]
async fn objects_live() {
    let client = client();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let map = serde_json::from_value(json!({"metadata": {"name": "x"}, "data": {"a": "b"}})).unwrap();
    let created = maps.create(&PostParams::default(), &map).await.unwrap();
    assert!(created.metadata.uid.is_some());
    assert_eq!(maps.list(&ListParams::default()).await.unwrap().items.len(), 1);
    let error = maps.create(&PostParams::default(), &map).await.unwrap_err();
    insta::assert_snapshot!(message(error), @r#"409 AlreadyExists: configmaps "x" already exists"#);
    maps.delete("x", &DeleteParams::default()).await.unwrap();
    insta::assert_snapshot!(message(maps.get("x").await.unwrap_err()), @r#"404 NotFound: configmaps "x" not found"#);
    let all: Api<Namespace> = Api::all(client.clone());
    assert_eq!(all.list(&ListParams::default()).await.unwrap().items.len(), 4);
}
