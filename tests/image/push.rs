//! Pushing to a registry: everything arrives, once; and who is turned away is told what to do.

use std::process::Output;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::{
    registry::{Access, PASSWORD, Registry, USER},
    support::{Desk, blob, refused, sha256, unpack},
};

/// Pushes without TLS; the registry's port, which changes with every test, is masked.
fn push(desk: &Desk, registry: &Registry) -> Output {
    let name = format!("{}/tools/labctl:1", registry.address);
    desk.run(&["image", "push", "--plain-http", "--executable", "labctl-static", &name])
}

fn masked(output: &Output, registry: &Registry) -> String {
    refused(output).replace(&registry.address, "REGISTRY")
}

/// Leaves what `docker login` would.
fn log_in(desk: &Desk, registry: &Registry, password: &str) {
    let login = BASE64_STANDARD.encode(format!("{USER}:{password}"));
    let config = json!({ "auths": { &registry.address: { "auth": login } } });
    desk.put(".docker/config.json", config.to_string().as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_what_an_archive_holds() {
    let (desk, registry) = (Desk::with_executable(), Registry::start(Access::Anybody).await);
    let output = push(&desk, &registry);
    assert!(output.status.success(), "{output:?}");
    let files = unpack(&desk.archive("labctl.tar"));
    let index = serde_json::from_slice::<serde_json::Value>(&files["index.json"]).unwrap();
    let manifest = blob(&files, &index["manifests"][0]);
    let contents = registry.contents();
    assert_eq!(contents.manifests["1"], manifest);
    for (digest, content) in &contents.blobs {
        assert_eq!(files[&format!("blobs/{}", digest.replace(':', "/"))], *content);
    }
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told, format!("{}/tools/labctl@{}\n", registry.address, sha256(manifest)));
    let summary = String::from_utf8(output.stderr).unwrap().replace(&registry.address, "REGISTRY");
    insta::assert_snapshot!(summary, @"REGISTRY/tools/labctl:1 for linux/amd64, 0.1 MB");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_sent_again() {
    let (desk, registry) = (Desk::with_executable(), Registry::start(Access::Anybody).await);
    assert!(push(&desk, &registry).status.success());
    assert_eq!(registry.contents().uploads.len(), 2);
    assert!(push(&desk, &registry).status.success());
    assert_eq!(registry.contents().uploads.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn login_opens_the_registry() {
    for access in [Access::Login, Access::Token] {
        let (desk, registry) = (Desk::with_executable(), Registry::start(access).await);
        log_in(&desk, &registry, PASSWORD);
        let output = push(&desk, &registry);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(registry.contents().manifests.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_or_with_a_wrong_one() {
    for access in [Access::Login, Access::Token] {
        let (desk, registry) = (Desk::with_executable(), Registry::start(access).await);
        insta::allow_duplicates! {
            insta::assert_snapshot!(masked(&push(&desk, &registry), &registry), @r"
            exit code 4
            error: REGISTRY does not let anybody without a login write to tools/labctl
            hint: log in with `docker login REGISTRY` or `podman login REGISTRY`
            ");
        }
        log_in(&desk, &registry, "cheese");
        insta::allow_duplicates! {
            insta::assert_snapshot!(masked(&push(&desk, &registry), &registry), @r"
            exit code 4
            error: REGISTRY does not let trainer write to tools/labctl
            hint: log in with `docker login REGISTRY` or `podman login REGISTRY`
            ");
        }
        assert!(registry.contents().blobs.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_that_cannot_be_used() {
    let (desk, registry) = (Desk::with_executable(), Registry::start(Access::Anybody).await);
    let mut told = String::new();
    let token = json!({ "auths": { &registry.address: { "identitytoken": "x" } } });
    let helper = json!({ "credsStore": "that-is-not-there" });
    for config in [token.to_string(), helper.to_string(), "{".to_owned()] {
        desk.put(".docker/config.json", config.as_bytes());
        told.push_str(&masked(&push(&desk, &registry), &registry).replace(desk.path("").to_str().unwrap(), "HOME/"));
    }
    insta::assert_snapshot!(told, @r"
    exit code 4
    error: no login for REGISTRY: HOME/.docker/config.json: it has an identity token, of use to Docker only
    hint: log in with `docker login REGISTRY` or `podman login REGISTRY`
    exit code 4
    error: no login for REGISTRY: HOME/.docker/config.json: its credential helper cannot be run, or gives no sensible answer
    hint: log in with `docker login REGISTRY` or `podman login REGISTRY`
    exit code 4
    error: no login for REGISTRY: HOME/.docker/config.json: it is not what a login writes
    hint: log in with `docker login REGISTRY` or `podman login REGISTRY`
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_that_has_no_room() {
    let (desk, registry) = (Desk::with_executable(), Registry::start(Access::Nobody).await);
    insta::assert_snapshot!(masked(&push(&desk, &registry), &registry), @r"
    exit code 4
    error: REGISTRY does not take the image: the shelf is full (status 507)
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_without_tls() {
    let (desk, registry) = (Desk::with_executable(), Registry::start(Access::Anybody).await);
    let name = format!("{}/tools/labctl:1", registry.address);
    let output = desk.run(&["image", "push", "--executable", "labctl-static", &name]);
    insta::assert_snapshot!(masked(&output, &registry), @r"
    exit code 4
    error: cannot reach REGISTRY: it does not speak TLS
    hint: a registry without TLS is reached with --plain-http
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there() {
    let desk = Desk::with_executable();
    // Bound, but not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let name = format!("{address}/tools/labctl:1");
    let output = desk.run(&["image", "push", "--plain-http", "--executable", "labctl-static", &name]);
    insta::assert_snapshot!(refused(&output).replace(&address, "REGISTRY"), @r"
    exit code 4
    error: cannot reach REGISTRY: Connection refused (os error 111)
    ");
}

/// What a client is told depends on the machine's name servers, too, which may not even answer.
#[test]
fn name_that_nobody_has() {
    let desk = Desk::with_executable();
    let push =
        ["image", "push", "--plain-http", "--executable", "labctl-static", "registry.invalid:5000/tools/labctl:1"];
    let said = refused(&desk.run(&push));
    assert!(said.starts_with("exit code 4\nerror: cannot reach registry.invalid:5000: "), "{said}");
    assert!(!said.contains("Query"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn machine_that_trusts_nobody() {
    let desk = Desk::with_executable();
    desk.put("roots.pem", b"");
    let push = ["image", "push", "--executable", "labctl-static", "registry.test/tools/labctl:1"];
    insta::assert_snapshot!(refused(&desk.run(&push)), @r"
    exit code 4
    error: this machine has no certificate authorities: nothing says which registries are genuine
    hint: install the package `ca-certificates`, or name a file of them in SSL_CERT_FILE
    ");
}
