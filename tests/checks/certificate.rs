//! The `certificate` check.

use crate::{
    lab::{every, findings, mesh_wide, run, step},
    support::{World, on_both_clusters},
};

on_both_clusters!(World: sidecars_prove_who_they_are, another_identity_fails_and_no_sidecar_is_no_answer);

async fn sidecars_prove_who_they_are(world: &World) {
    let expect = "
- certificate: {title: The server, from: sleep.foo, of: httpbin.foo, key: ECDSA P-256, lifetime: 24h}
- certificate: {title: The client, from: sleep.legacy, of: sleep.foo}";
    let (code, report) = run(world, &step("look", &mesh_wide("STRICT"), expect), &[]).await;
    assert_eq!(code, 0, "{report:#}");
    let findings = findings(&report, "look");
    assert_eq!(every(&findings, "outcome"), ["pass"; 7]);
    let identity = |account: &str| format!("spiffe://cluster.local/ns/foo/sa/{account}");
    assert_eq!([&findings[0]["seen"], &findings[4]["seen"]], [&identity("httpbin"), &identity("sleep")]);
}

async fn another_identity_fails_and_no_sidecar_is_no_answer(world: &World) {
    let expect = "
- certificate:
    {title: A, from: sleep.foo, of: httpbin.foo, identity: spiffe://cluster.local/ns/foo/sa/x, key: RSA 2048, lifetime: 1h}
- certificate: {title: B, from: sleep.foo, of: sleep.legacy}";
    let (code, report) = run(world, &step("look", &mesh_wide("STRICT"), expect), &["--deadline", "20s"]).await;
    assert_eq!(code, 1, "{report:#}");
    let findings = findings(&report, "look");
    // Identity, chain, lifetime, key; then nobody listens where there is no sidecar.
    assert_eq!(every(&findings, "outcome"), ["fail", "pass", "fail", "fail", "error"], "{report:#}");
    assert!(findings[4]["why"].as_str().unwrap().contains("onnection refused"), "{report:#}");
}
