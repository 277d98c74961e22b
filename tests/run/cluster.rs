//! What a run may touch on a cluster, and what it leaves.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use labctl::cluster::{Cluster, Connection, ObjectRef, Patience, RunId, Target, connect};
use serde_json::json;

use crate::objects::{config_map, namespace, object};

fn patience() -> Patience {
    Patience::silent(Duration::from_secs(20))
}

async fn start() -> Connection {
    connect(&Target::Embedded).await.unwrap()
}

fn run(connection: &Connection, id: &str) -> Cluster {
    Cluster::new(connection.client(), RunId::known(id))
}

#[tokio::test]
async fn what_somebody_else_created_is_left_alone() {
    let connection = start().await;
    let (theirs, ours) = (run(&connection, "theirs"), run(&connection, "ours"));
    theirs.apply(vec![namespace("foo"), config_map("foo", "settings")], &patience()).await.unwrap();

    let wanted = [namespace("foo"), config_map("foo", "settings"), namespace("bar"), config_map("bar", "settings")];
    let clash = ours.check_clashes(&wanted).await.unwrap_err();
    insta::assert_snapshot!(clash, @r"
    already on the cluster, and not created by this run:
      ConfigMap foo/settings, made by run theirs of labctl just now
      Namespace foo, made by run theirs of labctl just now
    ");
    insta::assert_snapshot!(clash.hint().unwrap(), @"if run theirs is over, `labctl down --run theirs` removes what it left");

    let foo = ObjectRef::of(&namespace("foo"));
    let marks = [("a".to_owned(), Some("b".to_owned()))].into();
    assert!(ours.delete(&foo, &patience()).await.is_err());
    assert!(ours.label(&foo, &marks).await.is_err());
    assert_eq!(ours.clean(&patience()).await, []);
    assert!(ours.find(&foo).await.unwrap().is_some());
    connection.close().await;
}

#[tokio::test]
async fn cleaning_up_takes_what_is_ours_and_nothing_else() {
    let connection = start().await;
    let ours = run(&connection, "ours");
    let client = connection.client();
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    let theirs = Patch::Apply(config_map("default", "theirs"));
    maps.patch("theirs", &PatchParams::apply("somebody"), &theirs).await.unwrap();

    // Given in the wrong order, applied in the right one.
    let objects = vec![config_map("foo", "inside"), config_map("default", "ours"), namespace("foo")];
    ours.check_clashes(&objects).await.unwrap();
    ours.apply(objects, &patience()).await.unwrap();
    assert!(maps.get_opt("ours").await.unwrap().is_some());

    assert_eq!(ours.clean(&patience()).await, []);
    assert!(maps.get_opt("ours").await.unwrap().is_none());
    assert!(maps.get_opt("theirs").await.unwrap().is_some());
    assert!(ours.find(&ObjectRef::of(&namespace("foo"))).await.unwrap().is_none());
    connection.close().await;
}

#[tokio::test]
async fn what_cannot_be_deleted_is_named() {
    let connection = start().await;
    let ours = run(&connection, "ours");
    let mut held = config_map("default", "held");
    held.metadata.finalizers = Some(vec!["example.org/hold".to_owned()]);
    ours.apply(vec![held], &patience()).await.unwrap();
    let left = ours.clean(&Patience::silent(Duration::from_secs(1))).await;
    assert_eq!(left.len(), 1);
    insta::assert_snapshot!(left[0].object, @"ConfigMap default/held");
    insta::assert_snapshot!(left[0].why, @"gave up waiting for ConfigMap default/held to be deleted: ConfigMap default/held is held by example.org/hold");
    connection.close().await;
}

#[tokio::test]
async fn a_kind_that_is_not_there_is_an_error_with_a_hint() {
    let connection = start().await;
    let ours = run(&connection, "ours");
    let unknown = object(json!({
        "apiVersion": "example.org/v1", "kind": "Nothing", "metadata": {"name": "x", "namespace": "default"},
    }));
    let error = ours.apply(vec![unknown], &patience()).await.unwrap_err();
    insta::assert_snapshot!(error, @"the cluster does not know the kind Nothing of example.org/v1");
    assert_eq!(ours.clean(&patience()).await, []);
    connection.close().await;
}
