//! `labctl test`: labs prove themselves.

use crate::support::{Home, document, parts, two_namespaces};

/// The bundled lab of the README, with every field of its policies.
#[test]
fn the_bundled_lab_holds() {
    let output = Home::new().run(&["test", "mtls-strict", "--mutate", "-o", "json"]);
    let proof = document(&output);
    assert_eq!(output.status.code(), Some(0), "{proof:#}");
    assert_eq!((&proof["kind"], &proof["holds"]), (&"LabProofs".into(), &true.into()));
    let steps = proof["labs"][0]["steps"].as_array().unwrap();
    let tried: usize = steps.iter().map(|step| step["mutations"].as_array().unwrap().len()).sum();
    assert!(tried > 40, "only {tried} changes were tried");
    assert_eq!(proof["labs"][0]["leftovers"], serde_json::json!([]));
}

/// A step that closes the mesh, and adds a rule that makes no difference.
const CLOSE: &str = "
  - name: close
    title: Close the mesh
    text: Close it.
    solve:
      - apply: {template: mtls-strict/peer-authentication.yaml, with: {name: default, namespace: istio-system, mode: STRICT}}
      - apply: {template: mtls-strict/destination-rule.yaml, with: {name: httpbin, namespace: foo, host: httpbin.foo.svc.cluster.local, mode: ISTIO_MUTUAL}}
    expect:
      - matrix:
          title: Plaintext is refused
          path: /headers
          to: [httpbin.foo]
          from:
            sleep.foo: [mtls]
            sleep.legacy: [reset]
";

/// What was so before needs no solution.
const IDLE: &str = "
  - name: idle
    title: Restart a client
    text: Restart it.
    solve:
      - restart: {kind: Deployment, name: sleep, namespace: legacy}
    expect:
      - resource: {title: There are pods, kind: Pod, namespace: legacy, count: 1}
";

#[test]
fn what_proves_nothing_is_reported() {
    let home = Home::new();
    let lab = home.lab("weak", &two_namespaces("weak", &(CLOSE.to_owned() + IDLE)));
    let (code, stdout, stderr) = parts(&home.run(&["test", &lab, "--mutate"]));
    assert_eq!(code, 1, "{stdout}{stderr}");
    let times = regex::Regex::new(r"\d+\.\d s").unwrap();
    insta::assert_snapshot!(times.replace_all(&stdout, "(s)"), @r"
    weak does not hold, (s)
      STEP   BEFORE      AFTER  CHANGES NOTICED  TOOK
      close  1 of 1 red  green  10 of 13         (s)
      idle   0 of 1 red  green  -                (s)
      close: DestinationRule foo/httpbin left out: no check notices, and no traffic could: every proxy is configured as before
      close: DestinationRule foo/httpbin spec.host: other-httpbin.foo.svc.cluster.local: no check notices, and no traffic could: every proxy is configured as before
      close: DestinationRule foo/httpbin without spec.trafficPolicy: no check notices, and no traffic could: every proxy is configured as before
      idle: cannot fail: all its checks are green before anything is done
    ");
}

/// A loop that is reset while the mesh is closed, and answered before and after.
const LOOP: &str = "
      - steady: {title: Reset while it is closed, since: open, from: sleep.legacy, to: httpbin.foo, path: /headers, fails: {close: reset}}";

/// In each step whose policy has mutants the loop would see what they do, if it asked meanwhile.
#[test]
fn mutants_do_not_disturb_a_loop() {
    let steps =
        ["PERMISSIVE", "STRICT", "PERMISSIVE"].into_iter().zip(["open", "close", "reopen"]).map(|(mode, name)| {
            let policy = format!("{{name: default, namespace: istio-system, mode: {mode}}}");
            format!(
                "
  - name: {name}
    title: A step
    text: A step.
    solve:
      - apply: {{template: mtls-strict/peer-authentication.yaml, with: {policy}}}
    expect:
      - resource:
          title: The policy is there
          kind: PeerAuthentication
          namespace: istio-system
          fields: [{{json: /spec/mtls/mode, equals: {mode}}}]{LOOP}"
            )
        });
    let text = two_namespaces("loops", &steps.collect::<String>());
    let home = Home::new();
    let output = home.run(&["test", &home.lab("loops", &text), "--mutate", "-o", "json"]);
    let proof = document(&output);
    assert_eq!(output.status.code(), Some(0), "{proof:#}");
    let steps = proof["labs"][0]["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| !step["mutations"].as_array().unwrap().is_empty()), "{proof:#}");
}

#[test]
fn a_solution_that_does_not_solve_ends_the_proof() {
    let home = Home::new();
    let text = two_namespaces("wrong", &CLOSE.replace("mode: STRICT", "mode: PERMISSIVE"));
    let (code, stdout, stderr) = parts(&home.run(&["test", &home.lab("wrong", &text), "--deadline", "3s"]));
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.contains("close: red although it is solved: Plaintext is refused"), "{stdout}");
}

#[test]
fn labs_are_named_or_all_are_meant() {
    let (code, _, stderr) = parts(&Home::new().run(&["test"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("<LAB>"), "{stderr}");
    let (code, _, stderr) = parts(&Home::new().run(&["test", "mtls-strict", "--all"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("--all"), "{stderr}");
}
