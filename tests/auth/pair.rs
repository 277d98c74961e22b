//! `labctl explain FROM TO` on a running cluster: the chain, what decides, and what is seen.

use insta::allow_duplicates;
use serde_json::Value;

use crate::{
    deploy,
    manifests::{destination_rule, namespace, peer_authentication, server},
    support::{Ran, World, on_both_clusters},
};

on_both_clusters!(World: a_call_is_explained_and_tried, whoever_is_not_there_is_told_of);

async fn a_call_is_explained_and_tried(world: &World) {
    deploy(world).await;
    let said = explained(world, "sleep.foo", "httpbin.foo", 0).await;
    allow_duplicates!(insta::assert_snapshot!(said, @r"
    sleep-(pod).foo -> httpbin.foo.svc.cluster.local:8000

    sidecars sleep-(pod).foo has a sidecar
     httpbin-(pod).foo has a sidecar
    policy no policy applies: PERMISSIVE is the default of this release
    port port 8080 is no exception: PERMISSIVE
    rule no DestinationRule of foo, the service or the root namespace applies to httpbin.foo.svc.cluster.local
     auto mTLS: httpbin-(pod) has a sidecar and is PERMISSIVE on port 8080
    certificates the client shows spiffe://cluster.local/ns/foo/sa/sleep
     the server shows spiffe://cluster.local/ns/foo/sa/httpbin
     the client accepts spiffe://cluster.local/ns/foo/sa/httpbin
    verdict mtls(spiffe://cluster.local/ns/foo/sa/sleep)
    decided by defaults: no policy and no rule says otherwise

    observed now mtls(spiffe://cluster.local/ns/foo/sa/sleep), as predicted
    "));

    // A naked client and a strict server: the policy decides.
    world.apply(&peer_authentication("foo", "STRICT")).await;
    world.apply(&peer_authentication("istio-system", "PERMISSIVE")).await;
    world.until_distributed(&["foo"]).await;
    let said = explained(world, "sleep.legacy", "http://httpbin.foo:8000/headers", 0).await;
    allow_duplicates!(insta::assert_snapshot!(said, @r"
    sleep-(pod).legacy -> httpbin.foo.svc.cluster.local:8000

    sidecars sleep-(pod).legacy has no sidecar: neither its namespace nor the pod asks for a sidecar
     httpbin-(pod).foo has a sidecar
    policy PeerAuthentication foo/default sets the namespace to STRICT
     PeerAuthentication istio-system/default is wider, and does not count
    port port 8080 is no exception: STRICT
    rule no sidecar: no rule and no auto mTLS
    certificates the client shows none: it has no sidecar to show one
    verdict reset
    decided by PeerAuthentication foo/default spec.mtls.mode

    observed now reset, as predicted
    "));

    // A rule that sends plaintext to it: both decide, for without either of them the call would be answered.
    world.apply(&destination_rule("httpbin", "foo", "DISABLE")).await;
    world.until_distributed(&["foo"]).await;
    let said = explained(world, "sleep.foo", "foo/httpbin", 0).await;
    allow_duplicates!(insta::assert_snapshot!(said, @r"
    sleep-(pod).foo -> httpbin.foo.svc.cluster.local:8000

    sidecars sleep-(pod).foo has a sidecar
     httpbin-(pod).foo has a sidecar
    policy PeerAuthentication foo/default sets the namespace to STRICT
     PeerAuthentication istio-system/default is wider, and does not count
    port port 8080 is no exception: STRICT
    rule DestinationRule foo/httpbin applies to httpbin.foo.svc.cluster.local
     it sets DISABLE
    certificates the client shows none: its sidecar sends plaintext
    verdict http(503) UC
    decided by PeerAuthentication foo/default spec.mtls.mode
     DestinationRule foo/httpbin spec.trafficPolicy.tls.mode

    observed now http(503), as predicted
    "));

    let text = world.labctl_ok(&["explain", "sleep", "httpbin", "-n", "foo", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["observed"]["agrees"], true);
    let evidence = document["observed"]["evidence"].as_array().unwrap();
    assert!(evidence.iter().any(|line| line["text"].as_str().unwrap().contains("flags UC")), "{evidence:?}");
    let decided = &document["chains"][0]["decidedBy"];
    assert_eq!(decided[0]["field"], "spec.mtls.mode");
    assert_eq!(decided[1]["resource"]["kind"], "DestinationRule");
}

async fn whoever_is_not_there_is_told_of(world: &World) {
    world.install_mesh().await;
    world.apply(&namespace("foo", None)).await;
    world.until_accounts(&["foo"]).await;
    world.apply(&server(world, "httpbin", "foo", "")).await;
    world.until_ready().await;
    let mut told = Vec::new();
    for arguments in [["sleep.foo", "httpbin.foo"], ["httpbin.foo", "web"], ["httpbin.foo", "httpbin:81"]] {
        let Ran { code, stderr, .. } = world.labctl(&["explain", arguments[0], arguments[1]]).await;
        assert_eq!(code, 2, "{stderr}");
        told.push(stderr);
    }
    let said = anonymous(&told.concat());
    allow_duplicates!(insta::assert_snapshot!(said, @r"
    error: no pod of namespace foo is called `sleep`
    hint: there are httpbin-(pod)
    error: no Service that httpbin-(pod) can see is called `web`, and no pod of namespace foo is called `web`
    hint: there are httpbin-(pod)
    error: httpbin.foo.svc.cluster.local has no port 81
    hint: it has 8000
    "));
}

async fn explained(world: &World, from: &str, to: &str, code: i32) -> String {
    let ran = world.labctl(&["explain", from, to]).await;
    assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
    // How the evidence is wrapped depends on the length of the pods' names.
    let end = ran.stdout.find("observed now").and_then(|start| Some(start + ran.stdout[start..].find('\n')? + 1));
    anonymous(&ran.stdout[..end.unwrap_or(ran.stdout.len())])
}

/// Without what differs from run to run.
fn anonymous(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, instead) in [
        (r"(httpbin|sleep)-[0-9a-z]+-[0-9a-z]+", "$1-(pod)"),
        (r"10\.\d+\.\d+\.\d+(:\d+)?", "IP"),
        (r"Hash=[0-9a-f]+", "Hash=(hash)"),
        (r" +", " "),
    ] {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned();
    }
    text
}
