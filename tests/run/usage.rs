//! What is typed wrong is said before anything is done.

use crate::support::{Home, parts};

fn refused(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = parts(&Home::new().run(arguments));
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    stderr
}

#[test]
fn two_clusters_at_once() {
    insta::assert_snapshot!(refused(&["run", "mtls-strict", "--on", "embedded", "--context", "x"]), @r"
    error: --context and --kubeconfig name a cluster, --on embedded starts its own
    hint: leave one of them out
    ");
}

#[test]
fn durations_reports_and_labs() {
    insta::assert_snapshot!(refused(&["run", "mtls-strict", "--deadline", "soon"]), @r"
    error: invalid value 'soon' for '--deadline <DURATION>': write it as `45s`, `5m` or `1m30s`

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(refused(&["run", "mtls-strict", "--report", "pdf=x"]), @r"
    error: invalid value 'pdf=x' for '--report <KIND=FILE>': `pdf` is not a kind of report (html, json, junit, yaml)

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(refused(&["run", "mtls-strict", "--report", "html"]), @r"
    error: invalid value 'html' for '--report <KIND=FILE>': write it as KIND=FILE, for example `html=report.html`

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(refused(&["run", "mtls-strikt"]), @r"
    error: no lab is called `mtls-strikt`; did you mean `mtls-strict`?
    hint: a lab of your own is given by its path, as in `./my-lab`
    ");
}

#[test]
fn help_shows_examples_and_exit_codes() {
    let (code, stdout, _) = parts(&Home::new().run(&["run", "--help"]));
    assert_eq!(code, 0);
    insta::assert_snapshot!("run_help", stdout);
    insta::assert_snapshot!("help", parts(&Home::new().run(&["--help"])).1);
}

#[test]
fn version_is_for_people_and_programs() {
    let (code, stdout, _) = parts(&Home::new().run(&["version"]));
    assert_eq!((code, stdout.starts_with(concat!("labctl ", env!("CARGO_PKG_VERSION"), " ("))), (0, true), "{stdout}");
    let (code, stdout, _) = parts(&Home::new().run(&["version", "-o", "json"]));
    let version: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, version["version"].as_str()), (0, Some(env!("CARGO_PKG_VERSION"))));
}
