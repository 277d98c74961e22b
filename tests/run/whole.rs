//! The bundled labs, from start to end.

use crate::support::{Home, cell, document, parts};

/// Runs a bundled lab that must pass, and answers what a person sees.
fn passes(lab: &str, settings: &[&str]) -> String {
    let home = Home::new();
    let (code, stdout, stderr) = parts(&home.run(&[&["run", lab], settings].concat()));
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    assert_eq!(home.leftovers(), Vec::<std::path::PathBuf>::new());
    regex::Regex::new(r"[0-9]+\.[0-9] s").unwrap().replace_all(&stdout, "<time>").into_owned()
}

#[test]
fn mtls_strict_passes_and_shows_every_matrix() {
    insta::assert_snapshot!("mtls_strict", passes("mtls-strict", &[]));
}

#[test]
fn boards_passes_in_a_project_of_any_name() {
    insta::assert_snapshot!("boards", passes("boards", &["--set", "project=team-7"]));
}

#[test]
fn customers_passes() {
    insta::assert_snapshot!("customers", passes("customers", &[]));
}

#[test]
fn hipster_app_passes() {
    insta::assert_snapshot!("hipster_app", passes("hipster-app", &[]));
}

#[test]
fn hello_mesh_passes() {
    insta::assert_snapshot!("hello_mesh", passes("hello-mesh", &[]));
}

#[test]
fn the_document_has_the_matrices_with_causes_and_evidence() {
    let home = Home::new();
    let output = home.run(&["run", "mtls-strict", "-o", "json"]);
    let report = document(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!((report["apiVersion"].as_str(), report["kind"].as_str()), (Some("labctl/v1"), Some("RunReport")));
    assert_eq!((report["score"]["points"].as_u64(), report["score"]["worth"].as_u64()), (Some(100), Some(100)));
    assert_eq!(report["run"]["verdict"], "passed");

    let open = cell(&report, "default", "sleep.foo", "httpbin.bar");
    assert_eq!(open["seen"], "mtls(spiffe://cluster.local/ns/foo/sa/sleep)");
    let witnesses: Vec<&str> =
        open["evidence"].as_array().unwrap().iter().filter_map(|it| it["source"].as_str()).collect();
    assert_eq!(witnesses, ["curl in sleep.foo", "sidecar of httpbin.bar", "httpbin.bar"]);

    let blocked = cell(&report, "mesh", "sleep.legacy", "httpbin.foo");
    assert_eq!((blocked["seen"].as_str(), blocked["outcome"].as_str()), (Some("reset"), Some("pass")));
    assert_eq!(blocked["control"], "sleep.foo");
    assert!(blocked["cause"].as_str().unwrap().contains("STRICT"), "{blocked:#}");

    let broken = cell(&report, "port", "sleep.foo", "httpbin.bar");
    assert_eq!(broken["seen"], "http(503)");
    assert_eq!(broken["control"], "sleep.legacy");
}

#[test]
fn two_runs_do_not_disturb_each_other() {
    let home = Home::new();
    let runs = [home.start(&["run", "mtls-strict", "-o", "json"]), home.start(&["run", "mtls-strict", "-o", "json"])];
    for run in runs {
        let (code, stdout, stderr) = run.end();
        assert_eq!(code, 0, "{stdout}\n{stderr}");
    }
}

#[test]
fn timings_are_said_on_standard_error() {
    let home = Home::new();
    let lab = home.lab("empty", &crate::support::two_namespaces("empty", crate::surroundings::A_STEP_THAT_PASSES));
    let (code, stdout, stderr) = parts(&home.run(&["run", &lab, "--timings"]));
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    let milliseconds = regex::Regex::new(r" +[0-9]+ ms").unwrap();
    insta::assert_snapshot!(milliseconds.replace_all(&stderr, " <time>"), @r"
    starting the embedded cluster
    installing the mesh
    setting up
    step 1/1 look
    cleaning up
      cluster <time>
      mesh <time>
      setup <time>
      step look <time>
      clean up <time>
      all <time>
    ");
}
