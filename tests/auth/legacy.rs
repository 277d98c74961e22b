//! Policy and MeshPolicy of the old API on a running mesh, with real traffic.

use http::Request;
use http_body_util::BodyExt;
use insta::allow_duplicates;
use serde_json::Value;

use crate::{
    deploy,
    manifests::peer_authentication,
    matrix::assert_matrix,
    support::{World, on_both_clusters},
};

on_both_clusters!(World:
    the_narrower_policy_decides,
    a_service_has_a_policy_of_its_own,
    a_peer_authentication_ends_the_old_policies,
    names_and_targets_go_together,
);

const POLICY: &str = "authentication.istio.io/v1alpha1";
const OPEN: &str = "
                 httpbin.foo
    sleep.foo    mtls
    sleep.legacy plaintext";
const STRICT: &str = "
                 httpbin.foo
    sleep.foo    mtls
    sleep.legacy exit 56";
const OFF: &str = "
                 httpbin.foo
    sleep.foo    plaintext
    sleep.legacy plaintext";

async fn the_narrower_policy_decides(world: &World) {
    deploy(world).await;
    assert_matrix(world, OPEN).await;
    // The way in which everybody wrote it: no mode means STRICT.
    world.apply(&mesh_policy("[{mtls: {}}]")).await;
    seen(world, STRICT).await;
    world.apply(&policy("default", "peers: [{mtls: {mode: PERMISSIVE}}]")).await;
    seen(world, OPEN).await;
    // Without a method it does not inherit: it turns mutual TLS off.
    world.apply(&policy("default", "peers: []")).await;
    seen(world, OFF).await;
    world.delete(POLICY, "Policy", "foo", "default").await;
    seen(world, STRICT).await;
}

async fn a_service_has_a_policy_of_its_own(world: &World) {
    deploy(world).await;
    world.apply(&policy("default", "peers: [{mtls: {}}]")).await;
    world.apply(&policy("httpbin", "targets: [{name: httpbin}], peers: [{mtls: {mode: PERMISSIVE}}]")).await;
    seen(world, OPEN).await;
    // Ports are those of the Service, 8000, and not of the pod, 8080.
    world.apply(&policy("httpbin", "targets: [{name: httpbin, ports: [{number: 8080}]}], peers: []")).await;
    seen(world, STRICT).await;
    world.apply(&policy("httpbin", "targets: [{name: httpbin, ports: [{number: 8000}]}], peers: []")).await;
    seen(world, OFF).await;
}

async fn a_peer_authentication_ends_the_old_policies(world: &World) {
    deploy(world).await;
    world.apply(&policy("default", "peers: [{mtls: {}}]")).await;
    seen(world, STRICT).await;
    let modern = peer_authentication("foo", "PERMISSIVE");
    let said = warnings(world, &modern).await;
    allow_duplicates!(
        insta::assert_snapshot!(said, @"Policy foo/default is ignored at httpbin-(pod), sleep-(pod): PeerAuthentication foo/default applies there, and where one does the old API is not read")
    );
    world.apply(&modern).await;
    seen(world, OPEN).await;
    let old = policy("default", "peers: [{mtls: {}}]");
    let said = warnings(world, &old).await;
    allow_duplicates!(
        insta::assert_snapshot!(said, @"Policy foo/default is ignored at httpbin-(pod), sleep-(pod): PeerAuthentication foo/default applies there, and where one does the old API is not read")
    );
    let table = world.labctl_ok(&["auth", "check", "httpbin.foo", "-o", "json"]).await;
    let table: Value = serde_json::from_str(&table).unwrap();
    let said = table["listeners"][0]["reasons"][0].as_str().unwrap();
    allow_duplicates!(
        insta::assert_snapshot!(said, @"Policy foo/default is of the old API: ignored where a PeerAuthentication applies")
    );
    world.delete("security.istio.io/v1", "PeerAuthentication", "foo", "default").await;
    seen(world, STRICT).await;
}

async fn names_and_targets_go_together(world: &World) {
    world.install_mesh().await;
    world.apply(&crate::manifests::namespace("foo", None)).await;
    let mut told = Vec::new();
    for manifest in [
        policy("strict", "peers: [{mtls: {}}]"),
        policy("default", "targets: [{name: httpbin}], peers: [{mtls: {}}]"),
        mesh_policy("[{mtls: {}}]").replace("name: default", "name: strict"),
    ] {
        told.push(create(world, &manifest).await.0);
    }
    let said = told.join("\n");
    allow_duplicates!(insta::assert_snapshot!(said, @r#"
    admission webhook "validation.istio.io" denied the request: metadata.name: a Policy without targets is for the whole namespace and must be named `default`, not `strict`
    admission webhook "validation.istio.io" denied the request: spec.targets: the Policy named `default` is for the whole namespace and must not have targets; metadata.name: `default` is the name of the Policy for the whole namespace: one with targets needs another
    admission webhook "validation.istio.io" denied the request: metadata.name: there is one MeshPolicy, and it must be named `default`, not `strict`
    "#));
}

/// Waits until the policies are in effect, then looks who reaches whom.
async fn seen(world: &World, expected: &str) {
    world.until_distributed(&["foo"]).await;
    assert_matrix(world, expected).await;
}

fn policy(name: &str, spec: &str) -> String {
    format!("apiVersion: {POLICY}\nkind: Policy\nmetadata: {{name: {name}, namespace: foo}}\nspec: {{{spec}}}\n---\n")
}

fn mesh_policy(peers: &str) -> String {
    format!("apiVersion: {POLICY}\nkind: MeshPolicy\nmetadata: {{name: default}}\nspec: {{peers: {peers}}}\n---\n")
}

/// What the API server warns of when the object is applied, without really doing that.
async fn warnings(world: &World, manifest: &str) -> String {
    let (answer, warnings) = create(world, manifest).await;
    assert!(!warnings.is_empty(), "no warning: {answer}");
    let pod = regex::Regex::new("(httpbin|sleep)-[0-9a-z]+-[0-9a-z]+").unwrap();
    pod.replace_all(&warnings.join("\n"), "$1-(pod)").into_owned()
}

/// Applies an object for show: the server's message if it refuses, and its warnings.
async fn create(world: &World, manifest: &str) -> (String, Vec<String>) {
    let document = manifest.trim_end_matches("---\n");
    let object: Value = serde_yaml::from_str(document).unwrap();
    let plural = match object["kind"].as_str().unwrap() {
        "MeshPolicy" => "meshpolicies",
        "Policy" => "policies",
        _ => "peerauthentications",
    };
    let place = object["metadata"]["namespace"].as_str().map(|name| format!("namespaces/{name}/")).unwrap_or_default();
    let (version, name) = (object["apiVersion"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
    let path = format!("/apis/{version}/{place}{plural}/{name}?fieldManager=test&force=true&dryRun=All");
    let request = Request::patch(path).header("content-type", "application/apply-patch+yaml");
    let response = world.client().send(request.body(object.to_string().into_bytes().into()).unwrap()).await.unwrap();
    let warnings = response.headers().get_all("warning").iter().map(|value| value.to_str().unwrap().to_owned());
    let warnings = warnings.map(|text| text.trim_start_matches("299 - ").trim_matches('"').replace("\\\"", "\""));
    let warnings: Vec<String> = warnings.collect();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    (answer["message"].as_str().unwrap_or_default().to_owned(), warnings)
}
