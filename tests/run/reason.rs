//! The right-reason rule, on a cluster: what is down does not pass for what is closed.

use crate::support::{Home, cell, document, two_namespaces};

const CLOSE: &str = "
  - name: close
    title: Close the mesh
    text: Close it.
    solve:
      - apply: {template: mtls-strict/peer-authentication.yaml, with: {name: default, namespace: istio-system, mode: STRICT}}
      MORE
    expect:
      - matrix:
          title: Plaintext is refused
          path: /headers
          to: [httpbin.foo]
          from:
            sleep.legacy: [reset]
";

#[test]
fn a_block_of_a_server_that_is_up_passes() {
    let home = Home::new();
    let lab = home.lab("close", &two_namespaces("close", &CLOSE.replace("MORE", "")));
    let output = home.run(&["run", &lab, "-o", "json"]);
    let report = document(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let blocked = cell(&report, "close", "sleep.legacy", "httpbin.foo");
    // Nobody else asks in this lab, so the server's own pod is the control.
    assert!(
        blocked["control"].as_str().unwrap().starts_with("container istio-proxy of pod foo/httpbin-"),
        "{blocked:#}"
    );
}

#[test]
fn a_block_of_a_server_without_pods_is_an_error() {
    let home = Home::new();
    let more = "- scale: {kind: Deployment, name: httpbin, namespace: foo, replicas: 0}";
    let lab = home.lab("scaled", &two_namespaces("scaled", &CLOSE.replace("MORE", more)));
    let output = home.run(&["run", &lab, "-o", "json", "--deadline", "3s"]);
    let report = document(&output);
    assert_eq!(output.status.code(), Some(5), "{report:#}");
    let gone = cell(&report, "close", "sleep.legacy", "httpbin.foo");
    assert_eq!((gone["outcome"].as_str(), gone["seen"].as_str()), (Some("error"), Some("no-endpoint")), "{gone:#}");
    assert_eq!(report["run"]["verdict"], "inconclusive");
    assert_eq!(report["score"]["points"], 0);
}

#[test]
fn an_answer_that_is_not_as_expected_is_a_failure() {
    let home = Home::new();
    let lab = home.lab("open", &two_namespaces("open", &CLOSE.replace("STRICT", "PERMISSIVE").replace("MORE", "")));
    let output = home.run(&["run", &lab, "-o", "json", "--deadline", "2s"]);
    let report = document(&output);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    let open = cell(&report, "close", "sleep.legacy", "httpbin.foo");
    assert_eq!((open["outcome"].as_str(), open["seen"].as_str()), (Some("fail"), Some("plaintext")), "{open:#}");
}
