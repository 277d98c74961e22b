//! `labctl workload` and links named like a program, as processes.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::symlink,
    process::{Command, Output, Stdio},
};

const LABCTL: &str = env!("CARGO_BIN_EXE_labctl");

fn workload(arguments: &[&str]) -> Output {
    Command::new(LABCTL).arg("workload").args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn runs_programs_and_passes_on_their_exit_code() {
    assert_eq!(workload(&["sleep", "0.01"]).status.code(), Some(0));
    assert_eq!(workload(&["sleep"]).status.code(), Some(1));
    let ran = workload(&["curl", "-sS", "foo://x"]);
    assert_eq!(
        (ran.status.code(), text(&ran.stderr).as_str()),
        (Some(1), "curl: (1) Protocol \"foo\" not supported\n")
    );
}

#[test]
fn lists_programs_and_suggests_near_ones() {
    let listed = text(&workload(&[]).stdout);
    for name in ["curl", "httpbin", "sleep"] {
        assert!(listed.lines().any(|line| line == name), "{listed}");
    }
    let ran = workload(&["htpbin"]);
    assert_eq!(ran.status.code(), Some(2));
    insta::assert_snapshot!(text(&ran.stderr), @r"
    error: there is no bundled program `htpbin`
    hint: did you mean `httpbin`?
    ");
}

#[test]
fn link_named_like_a_program_is_that_program() {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("curl");
    symlink(LABCTL, &link).unwrap();
    let ran = Command::new(link).arg("--version").output().unwrap();
    assert!(text(&ran.stdout).starts_with("curl (labctl "));
}

#[test]
fn httpbin_serves_until_it_is_terminated() {
    let mut child = Command::new(LABCTL)
        .args(["workload", "httpbin", "--host", "127.0.0.1", "--port", "0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("httpbin: listening on ").unwrap().to_owned();
    let ran = workload(&["curl", "-s", &format!("{url}/status/418"), "-w", "%{http_code}"]);
    assert_eq!(text(&ran.stdout), "418");
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
