//! `labctl auth check`: the tables of one proxy.

use serde_json::Value;

use crate::{
    deploy,
    manifests::{destination_rule, peer_authentication},
    support::{World, on_both_clusters},
};

on_both_clusters!(the_tables_follow_the_policies, mistakes_are_told);

async fn the_tables_follow_the_policies(world: &World) {
    deploy(world).await;
    insta::assert_snapshot!(tables(world, "httpbin.foo", &[]).await, @"");

    world.apply(&peer_authentication("foo", "STRICT")).await;
    world.apply(&destination_rule("httpbin", "foo", "DISABLE")).await;
    world.until_distributed(&["foo"]).await;
    insta::assert_snapshot!(tables(world, "foo/httpbin", &["-o", "wide"]).await, @"");

    let text = world.labctl_ok(&["auth", "check", "httpbin", "-n", "foo", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&document["kind"], &document["acknowledged"]), (&"AuthCheck".into(), &true.into()));
    let listener = &document["listeners"][0];
    assert_eq!((&listener["port"], &listener["mode"]), (&8080.into(), &"STRICT".into()));
    assert_eq!((&listener["decidedBy"]["name"], &listener["field"]), (&"default".into(), &"spec.mtls.mode".into()));
    assert_eq!(listener["chains"], serde_json::json!([{ "certificate": "default", "mtls": true }]));

    insta::assert_snapshot!(tables(world, "sleep.legacy", &[]).await, @"");
}

async fn mistakes_are_told(world: &World) {
    let ran = world.labctl(&["auth", "check", "httpbin.foo"]).await;
    assert_eq!(ran.code, 4);
    insta::assert_snapshot!(ran.stderr, @"");

    world.install_mesh().await;
    let ran = world.labctl(&["auth", "check", "httpbin.foo"]).await;
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.stderr, @"");
}

/// What is printed, without the names and numbers that differ from run to run, and without Services of the cluster's own.
async fn tables(world: &World, workload: &str, more: &[&str]) -> String {
    let arguments = [&["auth", "check", workload][..], more].concat();
    let mut text = world.labctl_ok(&arguments).await;
    for (pattern, instead) in [
        (r"10\.\d+\.\d+\.\d+", "IP"),
        (r"configuration  [0-9a-f]{16}", "configuration  (version)"),
        (r"(httpbin|sleep)-[0-9a-z]+-[0-9a-z]+", "$1-(pod)"),
        (r"(?m)^[a-z-]+\.(kube-system|default|istio-system)\..*\n", ""),
        (r" +", " "),
    ] {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned();
    }
    text
}
