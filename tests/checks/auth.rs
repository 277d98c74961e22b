//! The `auth` check.

use crate::{
    lab::{every, findings, mesh_wide, run, step},
    support::{World, on_both_clusters},
};

on_both_clusters!(World: proxies_are_as_their_policies_say, what_is_not_as_expected_fails);

async fn proxies_are_as_their_policies_say(world: &World) {
    let auth = |mode: &str| {
        format!(
            "- auth: {{title: A, of: httpbin.foo, listeners: {{8080: {mode}, others: {mode}}}, \
             outbound: {{'httpbin:8000': ISTIO_MUTUAL, 'httpbin.foo:8000': ISTIO_MUTUAL}}}}"
        )
    };
    let steps = step("close", &mesh_wide("STRICT"), &auth("STRICT"))
        + &step("open", &mesh_wide("PERMISSIVE"), &auth("PERMISSIVE"));
    let (code, report) = run(world, &steps, &[]).await;
    assert_eq!(code, 0, "{report:#}");
    let found = findings(&report, "close");
    assert_eq!(every(&found, "seen")[1..], ["yes (STRICT)", "yes (STRICT)", "ISTIO_MUTUAL", "ISTIO_MUTUAL"]);
    assert!(found[0]["seen"].as_str().unwrap().starts_with("it works with "), "{report:#}");
    assert_eq!(
        found[1]["evidence"][0]["source"], "PeerAuthentication istio-system/default spec.mtls.mode",
        "{report:#}"
    );
    assert_eq!(found[3]["evidence"][0]["source"], "auto mTLS", "{report:#}");
    assert_eq!(findings(&report, "open")[1]["seen"], "[0] yes (PERMISSIVE), [1] no (PERMISSIVE)", "{report:#}");
}

async fn what_is_not_as_expected_fails(world: &World) {
    let expect = "
- auth:
    {title: A, of: httpbin.foo, listeners: {8080: PERMISSIVE, 99: STRICT, others: bypassed},
     outbound: {'httpbin.foo:8000': DISABLE, 'nobody:1': SIMPLE}}
- auth: {title: B, of: sleep.legacy, listeners: {others: STRICT}}";
    let (code, report) = run(world, &step("close", &mesh_wide("STRICT"), expect), &["--deadline", "20s"]).await;
    assert_eq!(code, 1, "{report:#}");
    let found = findings(&report, "close");
    assert_eq!(every(&found, "outcome"), ["pass", "fail", "fail", "fail", "fail", "fail", "error"], "{report:#}");
    assert_eq!(found[2]["seen"], "no listener of its own; there are 8080", "{report:#}");
    assert_eq!(found[5]["why"], "the proxy knows no such Service and port", "{report:#}");
    assert!(found[6]["why"].as_str().unwrap().ends_with("has no proxy: its application sees every byte"), "{report:#}");
}
