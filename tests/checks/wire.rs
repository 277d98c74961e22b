//! The `wire` check.

use crate::{
    lab::{every, findings, mesh_wide, run, step},
    support::{World, on_both_clusters},
};

on_both_clusters!(World:
    between_sidecars_there_are_only_records,
    without_a_sidecar_everything_is_readable,
    what_is_not_as_expected_fails,
);

async fn between_sidecars_there_are_only_records(world: &World) {
    // The first check leaves connections behind that the second must not use.
    let expect = "
- matrix: {title: M, path: /headers, to: [httpbin.foo], from: {sleep.foo: [mtls]}}
- wire:
    {title: A, from: sleep.foo, to: httpbin.foo, path: '/headers?question=secret', headers: {X-Key: hush}, travels: tls,
     sni: outbound_.8000_._.httpbin.foo.svc.cluster.local, hidden: ['question=secret', hush, X-Forwarded-Client-Cert]}";
    let (code, report) = run(world, &step("look", &mesh_wide("STRICT"), expect), &[]).await;
    assert_eq!(code, 0, "{report:#}");
    let findings = findings(&report, "look");
    assert_eq!(every(&findings, "outcome"), ["pass"; 5]);
    let evidence = findings[0]["evidence"].to_string();
    assert!(evidence.contains("tap in container istio-proxy of pod foo/sleep-"), "{evidence}");
}

async fn without_a_sidecar_everything_is_readable(world: &World) {
    let expect = "
- wire:
    {title: Open, from: sleep.legacy, to: httpbin.foo, path: /headers, headers: {X-Key: hush}, travels: text,
     readable: [GET /headers, hush, 'HTTP/1.1 200 OK']}
- wire: {title: Around, from: sleep.foo, container: istio-proxy, to: httpbin.foo, travels: text, readable: [GET /]}";
    let (code, report) = run(world, &step("look", &mesh_wide("PERMISSIVE"), expect), &[]).await;
    assert_eq!(code, 0, "{report:#}");
}

async fn what_is_not_as_expected_fails(world: &World) {
    let expect = "
- wire: {title: A, from: sleep.legacy, to: httpbin.foo, travels: tls, hidden: [GET /]}
- wire: {title: B, from: sleep.foo, to: httpbin.foo, travels: text, readable: [GET /]}
- wire: {title: C, from: sleep.foo, to: httpbin.foo, travels: tls, sni: httpbin.foo, hidden: [not there]}";
    let (code, report) = run(world, &step("look", &mesh_wide("STRICT"), expect), &["--deadline", "20s"]).await;
    assert_eq!(code, 1, "{report:#}");
    let findings = findings(&report, "look");
    // What a client without a sidecar says is on the wire, even if a strict server hangs up at once.
    assert_eq!(every(&findings, "outcome"), ["fail", "fail", "fail", "fail", "pass", "fail", "error"], "{report:#}");
}
