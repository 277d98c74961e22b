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

/// Labs that close the mesh, in a folder.
fn folder_of_labs(home: &Home, names: &[&str]) -> String {
    for name in names {
        home.lab(&format!("labs/{name}"), &two_namespaces(name, CLOSE));
    }
    home.path("labs").to_str().unwrap().to_owned()
}

#[test]
fn each_lab_of_a_folder_is_in_one_shard() {
    let home = Home::new();
    let labs = folder_of_labs(&home, &["b", "c", "a"]);
    let proven = |shard: &str| -> Vec<String> {
        let document = document(&home.run(&["test", &labs, "--shard", shard, "-o", "json"]));
        let names = document["labs"].as_array().unwrap().iter().map(|lab| lab["lab"].as_str().unwrap().to_owned());
        names.collect()
    };
    assert_eq!([proven("1/2"), proven("2/2")], [vec!["a".to_owned(), "c".to_owned()], vec!["b".to_owned()]]);
    let (code, stdout, stderr) = parts(&home.run(&["test", &labs, "--shard", "4/4"]));
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (0, "", "nothing to do: part 4/4 is empty; number of labs: 3\n")
    );
}

#[test]
fn repeated_proofs_are_one_report() {
    let home = Home::new();
    let (labs, report) = (folder_of_labs(&home, &["a", "b"]), home.path("report.xml"));
    let junit = format!("junit={}", report.display());
    let output =
        home.command(&["test", &labs, "--repeat", "2", "--report", &junit]).env("GITHUB_ACTIONS", "true").output();
    let (code, stdout, stderr) = parts(&output.unwrap());
    assert_eq!(code, 0, "{stdout}{stderr}");
    let times = regex::Regex::new(r"\d+\.\d s").unwrap();
    insta::assert_snapshot!(times.replace_all(&stdout, "(s)"), @r"
    a holds, 2 of 2 runs hold, (s)
      STEP   HOLDS   TOOK
      close  2 of 2  (s)
    b holds, 2 of 2 runs hold, (s)
      STEP   HOLDS   TOOK
      close  2 of 2  (s)
    2 of 2 labs hold
    ");
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.starts_with("<?xml"), "{report}");
    assert_eq!(report.matches("<testsuite name=").count(), 2, "{report}");
}

#[test]
fn github_is_told_what_does_not_hold() {
    let home = Home::new();
    let lab = home.lab("idle", &two_namespaces("idle", IDLE));
    let annotation = format!("::error file={lab}/lab.yaml,line=20,col=11,title=idle%3A idle::cannot fail: ");
    for (arguments, github, expected) in [
        (&["-o", "github"][..], "false", true),
        (&[][..], "true", true),
        (&[][..], "", false),
        (&["-o", "json"][..], "true", false),
    ] {
        let arguments = [&["test", lab.as_str()][..], arguments].concat();
        let (code, stdout, stderr) = parts(&home.command(&arguments).env("GITHUB_ACTIONS", github).output().unwrap());
        assert_eq!((code, stdout.contains(&annotation)), (1, expected), "{arguments:?} {github}: {stdout}{stderr}");
    }
}

/// One unsound lab does not hide another one, and nothing is started.
#[test]
fn all_unsound_labs_are_reported() {
    let home = Home::new();
    let labs = folder_of_labs(&home, &["a"]);
    for name in ["x", "y"] {
        home.lab(&format!("labs/{name}"), "kind: Lab\n");
    }
    let (code, stdout, stderr) = parts(&home.run(&["test", &labs]));
    assert_eq!((code, stdout.as_str()), (6, ""), "{stderr}");
    assert_eq!(stderr.matches("is not a sound lab").count(), 2, "{stderr}");
    assert!(!stderr.contains("starting"), "{stderr}");
}

#[test]
fn what_is_typed_wrong_is_said_before_anything_is_done() {
    let home = Home::new();
    std::fs::create_dir(home.path("empty")).unwrap();
    let empty = home.path("empty").to_str().unwrap().to_owned();
    let cases: [&[&str]; 10] = [
        &[&empty],
        &["--all", "--shard", "0/4"],
        &["--all", "--shard", "5/4"],
        &["--all", "--shard", "1/0"],
        &["--all", "--shard", "first"],
        &["--all", "--repeat", "0"],
        &["--all", "--report", "html=page.html"],
        &["--all", "--report", "junit=no-such-folder/report.xml"],
        &["--all", "--on", "embedded", "--context", "x"],
        &["--all", "--image", "registry.example/labctl:1"],
    ];
    let texts = cases.map(|arguments| {
        let (code, stdout, stderr) = parts(&home.run(&[&["test"], arguments].concat()));
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        stderr.replace(&empty, "[folder]").replace("\nFor more information, try '--help'.\n", "")
    });
    insta::assert_snapshot!(texts.join("\n"), @r"
    error: no lab is in `[folder]`: neither it nor a folder in it has a `lab.yaml`
    hint: give a folder of labs, or the folder that holds a `lab.yaml`

    error: invalid value '0/4' for '--shard <K/N>': there is no part 0 of 4: they are counted from 1 to 4

    error: invalid value '5/4' for '--shard <K/N>': there is no part 5 of 4: they are counted from 1 to 4

    error: invalid value '1/0' for '--shard <K/N>': there are no parts of 0

    error: invalid value 'first' for '--shard <K/N>': write it as K/N, for example `1/4`

    error: invalid value '0' for '--repeat <N>': 0 is not in 1..=1000

    error: invalid value 'html=page.html' for '--report <KIND=FILE>': proofs have no page; write json, junit or yaml

    error: cannot write the junit report to no-such-folder/report.xml: No such file or directory (os error 2)
    hint: nothing was run; give a file in a folder that is there and yours

    error: --context and --kubeconfig name a cluster, --on embedded starts its own
    hint: leave one of them out

    error: --image is for a Kubernetes that is there: the embedded cluster has no images but its own
    hint: name it with --context, or say --on k8s
    ");
}
