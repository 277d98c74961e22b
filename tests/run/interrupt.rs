//! Ctrl-C and SIGTERM in every phase.

use crate::{
    other::Other,
    support::{Home, two_namespaces},
    surroundings::A_STEP_THAT_PASSES,
};

/// Interrupts a run of the README's lab once it says that it is in a phase.
fn interrupt(phase: &str, signal: &str) {
    let home = Home::new();
    let report = home.path("report.json");
    let wanted = format!("json={}", report.display());
    let mut run = home.start(&["run", "mtls-strict", "--report", &wanted]);
    run.wait_for(phase);
    run.signal(signal);
    let (code, stdout, stderr) = run.end();
    assert_eq!(code, 130, "{phase}, {signal}:\n{stdout}\n{stderr}");
    assert!(stderr.contains("error: interrupted"), "{phase}, {signal}:\n{stderr}");
    assert!(!stderr.contains("not cleaned up"), "{phase}, {signal}:\n{stderr}");
    assert!(stdout.contains("mtls-strict: interrupted"), "{phase}, {signal}:\n{stdout}");
    assert!(home.leftovers().is_empty());
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(
        (report["run"]["verdict"].as_str(), report["run"]["exitCode"].as_u64()),
        (Some("interrupted"), Some(130))
    );
}

#[test]
fn while_the_cluster_starts() {
    interrupt("starting the embedded cluster", "INT");
}

#[test]
fn while_the_mesh_is_installed() {
    interrupt("installing the mesh", "TERM");
}

#[test]
fn while_the_lab_is_deployed() {
    interrupt("step 1/7 default", "INT");
}

#[test]
fn while_a_step_is_checked() {
    interrupt("step 3/7 mesh", "TERM");
}

#[test]
fn a_second_time_ends_cleaning_up_too() {
    let home = Home::new();
    let mut run = home.start(&["run", "mtls-strict"]);
    run.wait_for("step 2/7");
    run.signal("INT");
    run.wait_for("cleaning up");
    run.signal("INT");
    let (code, _, stderr) = run.end();
    assert_eq!(code, 130, "{stderr}");
    // Whether anything was left depends on how far it came; if so, it is named.
    assert!(stderr.contains("error: interrupted"), "{stderr}");
}

/// Interrupts a run on a cluster that stays; nothing of it may be left there.
async fn interrupt_elsewhere(part: &str, signal: &str) {
    let (other, home) = (Other::embedded().await, Home::new());
    let file = other.file();
    let mut run = home.start(&["run", "mtls-strict", "--kubeconfig", &file]);
    let (code, _, stderr) = tokio::task::block_in_place(|| {
        run.wait_for(part);
        run.signal(signal);
        run.end()
    });
    assert_eq!(code, 130, "{part}:\n{stderr}");
    let survey = other.run("x").survey().await.unwrap();
    assert!(survey.runs.is_empty() && survey.mesh.is_empty(), "{part}: {survey:#?}");
    other.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_on_a_cluster_that_stays() {
    for (part, signal) in [
        ("reaching the cluster", "INT"),
        ("installing the mesh", "INT"),
        ("step 1/7 default", "HUP"),
        ("step 3/7 mesh", "TERM"),
    ] {
        interrupt_elsewhere(part, signal).await;
    }
}

const HELD: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: held, namespace: foo, finalizers: [example.org/hold]}
";

#[tokio::test(flavor = "multi_thread")]
async fn the_second_time_says_what_is_left_and_how_it_goes() {
    let (other, home) = (Other::embedded().await, Home::new());
    let text = two_namespaces("held", A_STEP_THAT_PASSES).replace("steps:", "  - apply: {template: held.yaml}\nsteps:");
    let (lab, file) = (home.lab("held", &text), other.file());
    home.template(&lab, "held.yaml", HELD);
    let mut run = home.start(&["run", &lab, "--kubeconfig", &file]);
    let (code, _, stderr) = tokio::task::block_in_place(|| {
        run.wait_for("has finalizers remaining");
        run.signal("INT");
        run.signal("INT");
        run.end()
    });
    let survey = other.run("x").survey().await.unwrap();
    let id = &survey.runs[0].id;
    let said = stderr.split_once("error: ").unwrap().1.replace(id, "<ID>").replace(&file, "<FILE>");
    assert_eq!(code, 130, "{stderr}");
    assert!(said.contains("\n  Namespace foo\n"), "{said}");
    assert!(said.contains("interrupted while cleaning up"), "{said}");
    assert!(said.contains("hint: `labctl down --run <ID> --kubeconfig <FILE>` removes it"), "{said}");
    other.end().await;
}
