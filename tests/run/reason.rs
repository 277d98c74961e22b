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

/// Runs a lab whose only check expects a reset, and answers what it saw instead of it.
fn without_a_reset(name: &str, lab: impl Fn(&Home, String) -> String, more: &str) -> (String, String) {
    let home = Home::new();
    let text = two_namespaces(name, &CLOSE.replace("MORE", more));
    let output = home.run(&["run", &lab(&home, text), "-o", "json", "--deadline", "3s"]);
    let report = document(&output);
    assert_eq!(output.status.code(), Some(5), "{report:#}");
    assert_eq!(
        (report["run"]["verdict"].as_str(), report["score"]["points"].as_u64()),
        (Some("inconclusive"), Some(0))
    );
    let cell = cell(&report, "close", "sleep.legacy", "httpbin.foo");
    assert_eq!(cell["outcome"], "error", "{cell:#}");
    let text = |field: &str| cell[field].as_str().unwrap_or_default().to_owned();
    (text("seen"), text("why"))
}

#[test]
fn a_name_with_a_typo_is_no_block() {
    let typo = |home: &Home, text: String| home.lab("typo", &text.replace("host: httpbin.foo,", "host: httpbin.fooo,"));
    let (seen, reason) = without_a_reset("typo", typo, "");
    assert_eq!((&*seen, &*reason), ("dns", "dns says nothing about the policy: the name does not resolve"));
}

#[test]
fn a_port_where_nobody_listens_is_no_block() {
    let port = |home: &Home, text: String| home.lab("port", &text.replace("port: 8000", "port: 8001"));
    let (seen, reason) = without_a_reset("port", port, "");
    assert_eq!((&*seen, &*reason), ("refused", "refused says nothing about the policy: nobody listens there"));
}

#[test]
fn a_caller_that_is_gone_is_no_block() {
    let gone = "- scale: {kind: Deployment, name: sleep, namespace: legacy, replicas: 0}";
    let (seen, reason) = without_a_reset("gone", |home, text| home.lab("gone", &text), gone);
    assert_eq!((&*seen, &*reason), ("", "sleep.legacy has no ready pod that could ask"));
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
