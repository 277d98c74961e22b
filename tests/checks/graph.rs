//! The `graph` check.

use crate::{
    lab::{every, findings, mesh_wide, run, step},
    support::{World, on_both_clusters},
};

on_both_clusters!(World: locks_are_of_the_step, what_is_not_as_expected_fails);

async fn locks_are_of_the_step(world: &World) {
    // The graph is asked last, wherever it stands.
    let open = "
- graph:
    title: A
    edges: [{from: sleep.foo, to: httpbin.foo, lock: closed}, {from: unknown, to: httpbin.foo, lock: open}]
- matrix: {title: M, path: /headers, to: [httpbin.foo], from: {sleep.foo: [mtls], sleep.legacy: [plaintext]}}";
    let plain = "
- http: {title: H, from: sleep.foo, to: httpbin.foo, path: /headers, verdict: plaintext}
- graph: {title: A, edges: [{from: sleep.foo, to: httpbin.foo, lock: open}]}";
    let close = "
- matrix: {title: M, path: /headers, to: [httpbin.foo], from: {sleep.foo: [mtls], sleep.legacy: [reset]}}
- graph: {title: A, edges: [{from: sleep.foo, to: httpbin.foo, lock: closed}]}";
    let rule = "apply: {template: mtls-strict/destination-rule.yaml, with: {name: httpbin, namespace: foo, \
                host: httpbin.foo.svc.cluster.local, mode: DISABLE}}";
    let strict =
        format!("{}\n      - delete: {{kind: DestinationRule, namespace: foo, name: httpbin}}", mesh_wide("STRICT"));
    let steps =
        step("open", &mesh_wide("PERMISSIVE"), open) + &step("plain", rule, plain) + &step("close", &strict, close);
    let (code, report) = run(world, &steps, &[]).await;
    assert_eq!(code, 0, "{report:#}");
    let found = findings(&report, "open");
    assert_eq!(every(&found, "seen"), ["mTLS", "plaintext"], "{report:#}");
    let evidence = found[0]["evidence"].as_array().unwrap();
    let said: Vec<&str> = evidence.iter().map(|it| it["text"].as_str().unwrap()).collect();
    let identity =
        |account: &str| format!("1 in mutual TLS; the other end is spiffe://cluster.local/ns/foo/sa/{account}");
    assert_eq!(said, [identity("httpbin"), identity("sleep")], "{report:#}");
}

async fn what_is_not_as_expected_fails(world: &World) {
    let expect = "
- matrix: {title: M, path: /headers, to: [httpbin.foo], from: {sleep.foo: [mtls], sleep.legacy: [plaintext]}}
- graph:
    title: A
    edges:
      - {from: sleep.foo, to: httpbin.foo, lock: open}
      - {from: unknown, to: httpbin.foo, lock: closed}
      - {from: sleep.legacy, to: httpbin.foo, lock: open}
      - {from: httpbin.foo, to: sleep.foo, lock: closed}";
    let (code, report) = run(world, &step("open", &mesh_wide("PERMISSIVE"), expect), &["--deadline", "20s"]).await;
    assert_eq!(code, 1, "{report:#}");
    let found = findings(&report, "open");
    assert_eq!(every(&found, "outcome"), ["fail", "fail", "error", "error"], "{report:#}");
    assert_eq!(found[2]["why"], "sleep.legacy has no proxy, so nobody knows its calls: they are of `unknown`");
    assert_eq!(
        found[3]["why"],
        "no call was counted since the step was solved: another check, or a loop, must make one"
    );
}
