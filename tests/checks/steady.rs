//! The `steady` check.

use serde_json::Value;

use crate::{
    lab::{every, findings, mesh_wide, run, run_with_gateway, step},
    support::{World, on_both_clusters},
};

on_both_clusters!(World:
    loops_last_over_several_steps,
    a_loop_asks_from_outside,
    one_failed_request_is_told,
    a_loop_that_nobody_answers_ends_the_run,
);

/// A step that opens the mesh, where loops begin.
fn open(expect: &str) -> String {
    step("open", &mesh_wide("PERMISSIVE"), expect)
}

const SOMETHING: &str = "- resource: {title: Pods, kind: Pod, namespace: foo, count: 2}";
/// Not noticed by the mesh, and reset while it is closed.
const LOOPS: &str = "
- steady: {title: Inside, since: open, from: sleep.foo, to: httpbin.foo, path: /headers}
- steady: {title: Stranger, since: open, from: sleep.legacy, to: httpbin.foo, path: /headers, fails: {close: reset}}";

async fn loops_last_over_several_steps(world: &World) {
    let between = step("between", "label: {kind: Namespace, name: foo, labels: {a: b}}", SOMETHING);
    let close = step("close", &mesh_wide("STRICT"), LOOPS);
    let steps = open(SOMETHING) + &between + &close + &step("reopen", &mesh_wide("PERMISSIVE"), LOOPS);
    let (code, report) = run(world, &steps, &[]).await;
    assert_eq!(code, 0, "{report:#}");
    let found = findings(&report, "reopen");
    let expected = every(&found, "expected");
    assert_eq!(expected[..4], ["answered"; 4], "{report:#}");
    assert_eq!(expected[4..], ["answered", "answered", "answered, then reset", "reset, then answered"]);
    assert!(found.iter().all(|line| asked(line) >= 10), "{report:#}");
    let refused = &found[6]["evidence"][0];
    assert!(refused["source"].as_str().unwrap().starts_with("curl in sleep.legacy at "), "{report:#}");
    assert_eq!(refused["text"], "curl: (56) Recv failure: Connection reset by peer (exit code 56)");
}

/// How many requests a line is about: `12 answered, 30 reset`.
fn asked(line: &Value) -> u32 {
    let seen = line["seen"].as_str().unwrap();
    seen.split(", ").map(|part| part.split(' ').next().unwrap().parse::<u32>().unwrap()).sum()
}

async fn a_loop_asks_from_outside(world: &World) {
    let gateway = "apply: {template: shared/gateway.yaml, with: {name: open, namespace: foo, port: 80, hosts: ['*']}}
      - apply:
          template: shared/virtual-service.yaml
          with: {name: open, namespace: foo, hosts: [open.example], gateways: [open], to: httpbin.foo.svc.cluster.local, port: 8000}";
    let steady = "
- steady: {title: Edge, since: open, url: 'http://open.example/headers'}
- edge: {title: Once, url: 'http://open.example/headers', status: 200}";
    let steps = step("open", gateway, steady) + &step("close", &mesh_wide("STRICT"), steady);
    let (code, report) = run_with_gateway(world, &steps, &[]).await;
    assert_eq!(code, 0, "{report:#}");
    let found = findings(&report, "close");
    assert_eq!(
        found[0]["subject"],
        "GET http://open.example/headers at istio-system/istio-ingressgateway in step open"
    );
    assert!(found[..2].iter().all(|line| asked(line) >= 10), "{report:#}");
}

async fn one_failed_request_is_told(world: &World) {
    let close = step(
        "close",
        &mesh_wide("STRICT"),
        "
- steady: {title: A, since: open, from: sleep.legacy, to: httpbin.foo, path: /headers}
- steady: {title: B, since: open, from: sleep.foo, to: httpbin.foo, path: /headers, fails: {close: http(503)}}",
    );
    // What a loop has seen stays seen: nothing is waited for.
    let (code, report) = run(world, &(open(SOMETHING) + &close), &["--deadline", "10m"]).await;
    assert_eq!(code, 1, "{report:#}");
    let found = findings(&report, "close");
    assert_eq!(every(&found, "outcome"), ["pass", "fail", "pass", "fail"], "{report:#}");
    let why = |line: &Value| line["why"].as_str().unwrap_or_default().to_owned();
    assert!(
        why(found[1]).contains(" not as expected; the first began ") && why(found[1]).ends_with(": reset"),
        "{report:#}"
    );
    assert!(why(found[3]).contains("when it was solved: answered"), "{report:#}");
}

async fn a_loop_that_nobody_answers_ends_the_run(world: &World) {
    let close = step(
        "close",
        &mesh_wide("STRICT"),
        "- steady: {title: A, since: open, from: sleep.foo, url: 'http://nobody:1/'}",
    );
    let (code, report) = run(world, &(open(SOMETHING) + &close), &["--deadline", "20s"]).await;
    assert_eq!(code, 5, "{report:#}");
    let message = "the loop `sleep.foo: GET http://nobody:1/` has made 0 of 10 requests in step open: curl: (6) ";
    assert!(report["steps"][0]["problem"]["message"].as_str().unwrap().starts_with(message), "{report:#}");
}
