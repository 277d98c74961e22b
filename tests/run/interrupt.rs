//! Ctrl-C and SIGTERM in every phase.

use crate::support::Home;

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
