//! `labctl explain` through the public door, and the semantics of policies by their case tables.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

#[path = "explain/configuration.rs"]
mod configuration;
#[path = "explain/migrate.rs"]
mod migrate;
#[path = "explain/pair.rs"]
mod pair;
#[path = "explain/properties.rs"]
mod properties;
#[path = "explain/routing.rs"]
mod routing;

use labctl::mesh::explain::cases;
use tempfile::TempDir;

/// Answers all cases of a text, and how many questions they hold.
fn all_pass(text: &str) -> usize {
    let outcome = cases::run(text).unwrap();
    let failures: Vec<String> = outcome
        .failures
        .iter()
        .map(|failure| {
            format!("{} {}: expected {}, got {}", failure.case, failure.query, failure.expected, failure.got)
        })
        .collect();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    outcome.passed
}

#[test]
fn public_cases_pass() {
    assert_eq!(all_pass(include_str!("cases/public-cases.yaml")), 288);
}

#[test]
fn own_cases_pass() {
    assert!(all_pass(include_str!("cases/own-cases.yaml")) > 700);
}

/// Every answer that is turned into another one must fail: the comparison is not a rubber stamp.
#[test]
fn wrong_expectations_fail() {
    let text = include_str!("cases/public-cases.yaml");
    for (right, wrong) in [
        ("expect: STRICT", "expect: DISABLE"),
        ("expect: ok_mtls", "expect: ok_plaintext"),
        ("accepted: false", "accepted: true"),
        ("auto: true", "auto: false"),
        ("rule: foo/d", "rule: foo/e"),
        ("san: ['spiffe://cluster.local/ns/foo/sa/httpbin']", "san: ['spiffe://cluster.local/ns/foo/sa/other']"),
        ("uri: 'spiffe://cluster.local/ns/bar/sa/curl'", "uri: 'spiffe://cluster.local/ns/bar/sa/sleep'"),
        ("field: spec.host", "field: spec.subsets"),
        ("status: AUTO", "status: OK"),
    ] {
        let changed = text.matches(right).count();
        assert!(changed > 0, "no case says `{right}`");
        let failures = cases::run(&text.replace(right, wrong)).unwrap().failures.len();
        assert!(failures > 0 && failures <= changed, "`{wrong}`: {failures} failures of {changed} changes");
    }
}

/// Runs `labctl explain` in a directory with these files.
fn explain(files: &[(&str, &str)], arguments: &[&str]) -> Output {
    let home = TempDir::new().unwrap();
    for (name, text) in files {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    labctl(home.path(), arguments)
}

fn labctl(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_labctl"))
        .arg("explain")
        .args(arguments)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const MESH: &str = include_str!("cases/manifests/mesh.yaml");

#[test]
fn tables_fit_eighty_columns() {
    let output = explain(&[("mesh.yaml", MESH)], &["-f", "mesh.yaml"]);
    let text = stdout(&output);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!((stderr(&output).as_str(), output.status.code()), ("", Some(0)));
    insta::assert_snapshot!(text);
}

#[test]
fn json_is_versioned() {
    let output = explain(&[("mesh.yaml", MESH)], &["-f", "mesh.yaml", "-o", "json"]);
    let explanation: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(explanation["apiVersion"], "labctl/v1");
    insta::assert_json_snapshot!(explanation);
}

#[test]
fn directories_are_read_whole() {
    let (first, rest) = MESH.split_once("\n---\n").unwrap();
    let split = explain(&[("d/b.yml", first), ("d/a/c.yaml", rest), ("d/notes.txt", "{")], &["-f", "d", "-o", "json"]);
    let whole = explain(&[("mesh.yaml", MESH)], &["-f", "mesh.yaml", "-o", "json"]);
    let verdicts = |output: &Output| {
        let explanation: serde_json::Value = serde_json::from_str(&stdout(output)).unwrap();
        let pairs = explanation["verdicts"].as_array().unwrap().clone();
        pairs.iter().map(|pair| pair["verdict"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(&split), verdicts(&whole));
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let text = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: foo}
spec:
  mtls:
    mode: STRCT
  selecter: {}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin, namespace: foo}
spec:
  trafficPolicy:
    tls: {mode: MUTUAL, privateKey: /k.pem}
";
    let output = explain(&[("bad.yaml", text)], &["-f", "bad.yaml"]);
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(stdout(&output), "");
    insta::assert_snapshot!(stderr(&output));
}

#[test]
fn what_is_not_yaml_is_shown_where_it_stops() {
    let output = explain(&[("bad.yaml", "a: b\n  c: [d\n")], &["-f", "bad.yaml"]);
    assert_eq!(output.status.code(), Some(6));
    insta::assert_snapshot!(stderr(&output));
    let output = explain(&[("twice.yaml", "a: 1\na: 2\n")], &["-f", "twice.yaml"]);
    assert_eq!(output.status.code(), Some(6));
    insta::assert_snapshot!(stderr(&output));
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let text = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: httpbin, namespace: foo}
spec:
  host: httpbin.foo
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 1}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: tool, namespace: istio-system}
spec:
  selector: {matchLabels: {app: tool}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: all, namespace: foo}
---
apiVersion: v1
kind: Service
metadata: {name: httpbin, namespace: foo}
spec: {selector: {app: httpbin}, ports: [{name: http, port: 8000}]}
";
    let output = explain(&[("odd.yaml", text)], &["-f", "odd.yaml"]);
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!(stderr(&output));
}

#[test]
fn policies_alone_reach_nobody() {
    let policy =
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: foo}\n";
    let output = explain(&[("policy.yaml", policy)], &["-f", "policy.yaml"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""));
    insta::assert_snapshot!(stderr(&output), @r"
    these manifests bring no pods, so there is nobody to reach anybody
    hint: add the programs, as in `labctl render mtls-strict --step default > programs.yaml`, and name both with -f
    ");
}

#[test]
fn of_two_objects_of_one_name_the_later_counts() {
    let policy = |version: &str, mode: &str| {
        format!(
            "apiVersion: security.istio.io/{version}\nkind: PeerAuthentication\n\
             metadata: {{name: default, namespace: foo}}\nspec: {{mtls: {{mode: {mode}}}}}\n"
        )
    };
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: httpbin, namespace: foo, labels: {sidecar.istio.io/inject: 'true'}}\nspec: {containers: [{name: httpbin, ports: [{containerPort: 8080}]}]}\n";
    let files = [("a.yaml", policy("v1beta1", "DISABLE") + pod), ("b.yaml", policy("v1", "STRICT"))];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let output = explain(&files, &["-f", "a.yaml", "b.yaml"]);
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!(stderr(&output), @"warning: a.yaml:1:1: PeerAuthentication foo/default: it is defined again at b.yaml:1, and the later one counts");
    assert!(stdout(&output).contains("STRICT   PeerAuthentication foo/default (b.yaml:1)"), "{}", stdout(&output));
    let output = explain(&files, &["-f", "b.yaml", "a.yaml"]);
    assert!(stdout(&output).contains("DISABLE"), "{}", stdout(&output));
}

#[test]
fn workloads_that_share_a_name_are_listed_once() {
    let text = "\
apiVersion: v1
kind: Service
metadata: {name: httpbin, namespace: foo}
spec: {selector: {app: httpbin}, ports: [{name: http, port: 8000}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: httpbin, namespace: foo}
spec: {replicas: 3, template: {metadata: {labels: {app: httpbin}}, spec: {containers: [{name: httpbin}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: httpbin, namespace: foo}
spec: {replicas: 2, template: {metadata: {labels: {app: httpbin}}, spec: {containers: [{name: httpbin}]}}}
";
    let output = explain(&[("twice.yaml", text)], &["-f", "twice.yaml"]);
    insta::assert_snapshot!(stdout(&output), @r"
    What servers accept
     WORKLOAD      PORT   MODE   DECIDED BY
    ─────────────────────────────────────────────────
     httpbin.foo   8000   -      no sidecar takes it

    How clients call httpbin.foo.svc.cluster.local:8000
     FROM          HOW
    ─────────────────────────────────────────────────────────────
     httpbin.foo   DISABLE: no sidecar: no rule and no auto mTLS
                   to   httpbin.foo

    What clients see
     FROM          TO                 ENDPOINTS     VERDICT
    ──────────────────────────────────────────────────────────
     httpbin.foo   httpbin.foo:8000   httpbin.foo   plaintext
    ");
}

#[test]
fn unreadable_files_are_usage_errors() {
    let output = explain(&[], &["-f", "nowhere.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @"error: nowhere.yaml: No such file or directory (os error 2)");
    let output = explain(&[("empty/notes.txt", "")], &["-f", "empty"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @"error: empty: no files that end with .yaml, .yml or .json");
    let output = explain(&[], &["--cases", "nowhere.yaml"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_unreadable_service_port_is_named() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: {ports: [{port: 0}]}\n";
    let output = explain(&[("service.yaml", text)], &["-f", "service.yaml"]);
    assert_eq!(output.status.code(), Some(6));
    insta::assert_snapshot!(stderr(&output));
}

#[test]
fn failed_cases_are_listed() {
    let case = "\
version: 1
cases:
- id: wrong
  workloads: [{name: a, namespace: b, sidecar: true, ports: [{port: 80}]}]
  queries:
  - {kind: server_mode, workload: a.b, port: 80, expect: STRICT}
  - {kind: server_mode, workload: a.b, port: 80, expect: PERMISSIVE}
  - {kind: server_mode, workload: nobody.b, port: 80, expect: STRICT}
  - {kind: riddle, expect: STRICT}
";
    let output = explain(&[("cases.yaml", case)], &["--cases", "cases.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stdout(&output), @r"
    wrong: server_mode port=80 workload=a.b: expected STRICT, got PERMISSIVE
    wrong: server_mode port=80 workload=nobody.b: expected STRICT, got no workload `nobody.b` in this case
    wrong: riddle: expected STRICT, got a question of unknown kind `riddle`
    1 passed, 3 failed
    ");
}

#[test]
fn a_file_without_cases_is_refused() {
    let output = explain(&[("cases.yaml", "version: 1\n")], &["--cases", "cases.yaml"]);
    assert_eq!(output.status.code(), Some(6));
    insta::assert_snapshot!(
        stderr(&output),
        @"error: cases.yaml: there is no list `cases` (a file of cases has `version: 1` and a list `cases`)"
    );
}

#[test]
fn the_mesh_can_be_set_up_otherwise() {
    let arguments = ["-f", "mesh.yaml", "-o", "json", "--trust-domain", "example.org", "--no-auto-mtls"];
    let output = explain(&[("mesh.yaml", MESH)], &arguments);
    let explanation: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let clients = explanation["clients"].as_array().unwrap();
    assert!(clients.iter().all(|row| row["auto"] == false));
    let sans: Vec<_> = clients.iter().flat_map(|row| row["sans"].as_array().unwrap()).collect();
    assert!(!sans.is_empty() && sans.iter().all(|san| san.as_str().unwrap().starts_with("spiffe://example.org/")));
}
