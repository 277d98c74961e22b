//! Bad surroundings: pods that never come up, files that cannot be written, clusters that are not there.

use std::fs;

use crate::support::{Home, parts, two_namespaces};

pub const A_STEP_THAT_PASSES: &str = "
  - name: look
    title: Look around
    text: Look.
    solve:
      - annotate: {kind: Namespace, name: foo, annotations: {looked: 'true'}}
    expect:
      - resource: {title: You looked, kind: Namespace, name: foo, fields: [{json: /metadata/annotations/looked, equals: 'true'}]}
";

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: stuck, namespace: foo}
spec:
  containers:
    - name: main
      image: {{ image | quote }}
      command: [sleep, infinity]
      readinessProbe: {tcpSocket: {port: 9}, periodSeconds: 1}
";

fn with_pod(home: &Home, image: &str) -> String {
    let step = format!(
        "
  - name: deploy
    title: Deploy
    text: Deploy.
    solve:
      - apply: {{template: pod.yaml, with: {{image: {image:?}}}}}
    expect:
      - resource: {{title: It is there, kind: Pod, namespace: foo, name: stuck}}
"
    );
    let lab = home.lab("stuck", &two_namespaces("stuck", &step));
    home.template(&lab, "pod.yaml", POD);
    lab
}

#[test]
fn a_pod_that_never_becomes_ready_is_explained() {
    let home = Home::new();
    let lab = with_pod(&home, concat!("localhost/labctl:", env!("CARGO_PKG_VERSION")));
    let (code, stdout, stderr) = parts(&home.run(&["run", &lab, "--deadline", "3s"]));
    assert_eq!(code, 5, "{stdout}\n{stderr}");
    for part in [
        "error: gave up waiting for the pods of foo:\n  pod foo/stuck is not ready (Running)",
        "container main: runs, but its readiness probe fails",
        "last event: Unhealthy: Readiness probe failed",
        "hint: give it longer with --deadline",
    ] {
        assert!(stderr.contains(part), "{part}\n{stderr}");
    }
    assert!(!stderr.contains("not cleaned up"), "{stderr}");
    assert!(home.leftovers().is_empty());
}

#[test]
fn an_image_that_is_not_there_ends_the_wait_at_once() {
    let home = Home::new();
    let lab = with_pod(&home, "example.org/nobody/has:this");
    let (code, stdout, stderr) = parts(&home.run(&["run", &lab, "--deadline", "10m"]));
    assert_eq!(code, 4, "{stdout}\n{stderr}");
    assert!(stderr.contains("example.org/nobody/has:this"), "{stderr}");
    assert!(stderr.contains("ErrImagePull") || stderr.contains("ImagePullBackOff"), "{stderr}");
    assert!(!stderr.contains("not cleaned up"), "{stderr}");
}

#[test]
fn a_program_that_crashes_is_explained_with_its_own_words() {
    let home = Home::new();
    let lab = with_pod(&home, concat!("localhost/labctl:", env!("CARGO_PKG_VERSION")));
    home.template(&lab, "pod.yaml", &POD.replace("[sleep, infinity]", "[httpbin, --no-such-flag]"));
    let (code, stdout, stderr) = parts(&home.run(&["run", &lab, "--deadline", "4s"]));
    assert_eq!(code, 5, "{stdout}\n{stderr}");
    for part in ["container main: CrashLoopBackOff: back-off", "| httpbin: unknown argument --no-such-flag"] {
        assert!(stderr.contains(part), "{part}\n{stderr}");
    }
}

#[cfg(unix)]
#[test]
fn too_few_open_files_are_said() {
    let home = Home::new();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 40; exec \"$0\" run mtls-strict --deadline 5s", env!("CARGO_BIN_EXE_labctl")]);
    let (code, _, stderr) = parts(&command.env("TMPDIR", home.path("tmp")).output().unwrap());
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("this process may open 40 files, and the embedded cluster needs 128"), "{stderr}");
    assert!(stderr.contains("hint: allow more open files with `ulimit -n 1024`"), "{stderr}");
    assert!(!stderr.contains("not cleaned up"), "{stderr}");
}

#[test]
fn a_report_that_cannot_be_written_is_found_out_before_the_run() {
    let home = Home::new();
    let missing = home.path("missing/report.html");
    let wanted = format!("html={}", missing.display());
    let (code, stdout, stderr) = parts(&home.run(&["run", "mtls-strict", "--report", &wanted]));
    let stderr = stderr.replace(&*missing.to_string_lossy(), "<FILE>");
    assert_eq!((code, stdout.as_str()), (2, ""));
    insta::assert_snapshot!(stderr, @r"
    error: cannot write the html report to <FILE>: No such file or directory (os error 2)
    hint: nothing was run; give a file in a folder that is there and yours
    ");

    let folder = format!("junit={}", home.path("tmp").display());
    let (code, _, stderr) = parts(&home.run(&["run", "mtls-strict", "--report", &folder]));
    assert_eq!(code, 2);
    assert!(stderr.contains(": it is a directory\n"), "{stderr}");

    let (code, _, stderr) = parts(&home.run(&["run", "mtls-strict", "--report", "html=x", "--report", "json=x"]));
    assert_eq!(code, 2);
    insta::assert_snapshot!(stderr, @r"
    error: two reports would go to x
    hint: give every --report a file of its own
    ");
}

#[test]
fn one_bad_report_leaves_nothing_of_a_good_one() {
    let home = Home::new();
    let good = format!("html={}", home.path("tmp/good.html").display());
    let bad = format!("json={}", home.path("missing/bad.json").display());
    let (code, _, _) = parts(&home.run(&["run", "mtls-strict", "--report", &good, "--report", &bad]));
    assert_eq!(code, 2);
    assert!(home.leftovers().is_empty());
}

#[test]
fn several_reports_are_written_whole() {
    let home = Home::new();
    let lab = home.lab("look", &two_namespaces("look", A_STEP_THAT_PASSES));
    let files = ["html", "junit", "json", "yaml"].map(|kind| format!("{kind}={}", home.path(kind).display()));
    let mut arguments = vec!["run", &lab];
    files.iter().for_each(|file| arguments.extend(["--report", file]));
    let (code, stdout, stderr) = parts(&home.run(&arguments));
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    let read = |name: &str| fs::read_to_string(home.path(name)).unwrap();
    assert!(read("html").starts_with("<!doctype html>") && read("html").ends_with("</html>\n"));
    assert!(read("junit").contains("<testsuite name=\"look\" tests=\"2\""), "{}", read("junit"));
    let json: serde_json::Value = serde_json::from_str(&read("json")).unwrap();
    let yaml: serde_json::Value = serde_yaml::from_str(&read("yaml")).unwrap();
    assert_eq!((&json, json["kind"].as_str()), (&yaml, Some("RunReport")));
}

#[test]
fn a_cluster_that_is_not_there_is_named() {
    let home = Home::new();
    let missing = home.path("no-kubeconfig");
    let arguments = ["run", "mtls-strict", "--kubeconfig", missing.to_str().unwrap()];
    let (code, _, stderr) = parts(&home.run(&arguments));
    assert_eq!(code, 4, "{stderr}");
    let stderr = stderr.replace(missing.to_str().unwrap(), "<FILE>");
    insta::assert_snapshot!(stderr, @r"
    reaching the cluster (k8s)
    error: cannot reach a cluster: cannot read <FILE>: No such file or directory (os error 2)
    hint: name a cluster with --kubeconfig or --context; `labctl run LAB` without --on starts its own
    ");
}

/// Runs a lab that passes, with a stream that takes nothing.
#[cfg(target_os = "linux")]
fn with_full(arguments: &[&str], stdout: bool) -> std::process::Output {
    let home = Home::new();
    let lab = home.lab("look", &two_namespaces("look", A_STEP_THAT_PASSES));
    let arguments: Vec<&str> =
        arguments.iter().map(|argument| if *argument == "LAB" { &*lab } else { argument }).collect();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = home.command(&arguments);
    let output = if stdout { command.stdout(full).output() } else { command.stderr(full).output() }.unwrap();
    assert!(home.leftovers().is_empty());
    output
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_shown_is_an_error() {
    for format in ["table", "json"] {
        let (code, _, stderr) = parts(&with_full(&["run", "LAB", "-o", format], true));
        assert_eq!(code, 4, "{format}: {stderr}");
        assert!(
            stderr.ends_with(
                "cleaning up\nerror: cannot write to standard output: No space left on device (os error 28)\n"
            ),
            "{stderr}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn words_that_nobody_can_read_change_nothing() {
    let (code, stdout, _) = parts(&with_full(&["run", "LAB"], false));
    assert_eq!(code, 0, "{stdout}");
    assert_eq!(with_full(&["run", "no-such-lab"], false).status.code(), Some(2));
}

#[test]
fn a_lab_that_cannot_be_kept_says_where_it_wanted_to_write() {
    let home = Home::new();
    let lab = home.lab("look", &two_namespaces("look", A_STEP_THAT_PASSES));
    let missing = home.path("missing");
    let output = home.command(&["run", &lab, "--keep"]).env("TMPDIR", &missing).output().unwrap();
    let (code, _, stderr) = parts(&output);
    assert_eq!(code, 4, "{stderr}");
    let wanted =
        format!("cannot keep the lab up: cannot make a folder in {} ($TMPDIR): No such file", missing.display());
    assert!(stderr.contains(&wanted), "{stderr}");
    assert!(!stderr.contains("not cleaned up"), "{stderr}");
}
