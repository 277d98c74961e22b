//! Proofs of labs as text, JSON, JUnit and annotations: what holds, what does not, and what is flaky.

use std::{path::PathBuf, time::Duration};

use labctl::{
    cluster::ObjectRef,
    lab::position::Span,
    report::{
        proof::{self, github, junit, text},
        style::Style,
    },
    run::{
        result::{Leftover, Problem},
        test::{Fate, Mutation, Proof, Series, StepProof},
    },
};

fn step(name: &str, line: usize, red_after: &[&str]) -> StepProof {
    StepProof {
        name: name.to_owned(),
        at: Span { line, column: 11, offset: 100 * line, length: name.len() },
        red_before: 1,
        checks: 2,
        red_after: red_after.iter().map(|&title| title.to_owned()).collect(),
        problem: None,
        mutations: Vec::new(),
        took: Duration::from_millis(300),
    }
}

fn run(steps: Vec<StepProof>) -> Proof {
    let took = Duration::from_millis(1200);
    Proof { lab: "doors".to_owned(), steps, problem: None, leftovers: Vec::new(), interrupted: false, took }
}

fn series(lab: &str, runs: Vec<Proof>) -> Series {
    Series { lab: lab.to_owned(), file: PathBuf::from(format!("./labs/{lab}/lab.yaml")), runs }
}

fn object(kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
    let namespace = namespace.map(str::to_owned);
    ObjectRef { api_version: "v1".to_owned(), kind: kind.to_owned(), namespace, name: name.to_owned() }
}

/// `toggle` holds in three runs of ten; only then the step after it is reached.
fn flaky() -> Series {
    let red = || run(vec![step("close", 20, &[]), step("toggle", 40, &["Nobody gets in, 100% sure"])]);
    let green = || run(vec![step("close", 20, &[]), step("toggle", 40, &[]), step("open", 60, &[])]);
    series("doors", (0..10).map(|index| if index % 4 == 1 { green() } else { red() }).collect())
}

/// A step that cannot fail, a change that nobody notices, something left over.
fn weak() -> Series {
    let mutation = |change: &str, fate| Mutation {
        object: object("PeerAuthentication", Some("foo"), "default"),
        change: change.to_owned(),
        fate,
    };
    let mut close = step("close", 20, &[]);
    close.mutations = vec![
        mutation("left out", Fate::Noticed("Nobody gets in".to_owned())),
        mutation("spec.mtls.mode: PERMISSIVE", Fate::Survived { alike: false }),
    ];
    let idle = StepProof { red_before: 0, ..step("idle", 40, &[]) };
    let leftovers = vec![Leftover { object: object("Namespace", None, "foo"), why: "finalizer <a>".to_owned() }];
    series("weak", vec![Proof { leftovers, ..run(vec![close, idle]) }])
}

fn late() -> Series {
    let problem = Problem { message: "the step is not solved after 30 s".to_owned(), hint: None, late: true };
    series("late", vec![run(vec![StepProof { problem: Some(problem), ..step("close", 20, &[]) }])])
}

fn sound() -> Series {
    series("sound", (0..3).map(|_| run(vec![step("close", 20, &[])])).collect())
}

#[test]
fn steps_that_hold_in_some_runs_are_named_with_their_rate() {
    let style = Style::PLAIN;
    insta::assert_snapshot!(text::series(&flaky(), false, style), @r"
    doors is flaky, 3 of 10 runs hold, 12.0 s
      STEP    HOLDS     TOOK
      close   10 of 10  0.3 s
      toggle  3 of 10   0.3 s
      open    3 of 3    0.3 s
      toggle: flaky: holds in 3 of 10 runs
      toggle: red although it is solved: Nobody gets in, 100% sure (in 7 of 10 runs)
    ");
    insta::assert_snapshot!(text::series(&sound(), false, style), @r"
    sound holds, 3 of 3 runs hold, 3.6 s
      STEP   HOLDS   TOOK
      close  3 of 3  0.3 s
    ");
}

#[test]
fn what_does_not_hold_is_said_below_the_table() {
    let style = Style::PLAIN;
    insta::assert_snapshot!(text::series(&weak(), true, style), @r"
    weak does not hold, 1.2 s
      STEP   BEFORE      AFTER  CHANGES NOTICED  TOOK
      close  1 of 2 red  green  1 of 2           0.3 s
      idle   0 of 2 red  green  -                0.3 s
      close: PeerAuthentication foo/default spec.mtls.mode: PERMISSIVE: no check notices
      idle: cannot fail: all its checks are green before anything is done
      close: PeerAuthentication foo/default left out: noticed by: Nobody gets in
      left over: Namespace foo: finalizer <a>
    ");
    insta::assert_snapshot!(text::series(&late(), false, style), @r"
    late does not hold, 1.2 s
      STEP   BEFORE      AFTER       TOOK
      close  1 of 2 red  not solved  0.3 s
      close: the step is not solved after 30 s
    ");
}

#[test]
fn several_labs_have_a_summary() {
    assert_eq!(text::summary(&[sound()]), None);
    assert_eq!(text::summary(&[sound(), sound()]).unwrap(), "2 of 2 labs hold\n");
    assert_eq!(text::summary(&[sound(), weak(), flaky()]).unwrap(), "1 of 3 labs hold, 1 flaky\n");
}

#[test]
fn the_gravest_run_decides() {
    let codes = [sound(), flaky(), weak(), late()].map(|series| series.exit_code());
    assert_eq!(codes, [0, 1, 4, 5]);
}

#[test]
fn programs_read_rates_and_runs() {
    let document: serde_json::Value = serde_json::from_str(&proof::json(&[flaky()])).unwrap();
    let rate = serde_json::json!([{ "lab": "doors", "step": "toggle", "held": 3, "runs": 10 }]);
    assert_eq!((&document["flaky"], &document["holds"]), (&rate, &false.into()));
    let runs = document["labs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[9]["run"], &runs[9]["file"]), (10, &10.into(), &"./labs/doors/lab.yaml".into()));
    assert_eq!(runs[1]["steps"][2]["line"], 60);
    let yaml: serde_json::Value = serde_yaml::from_str(&proof::yaml(&[flaky()]).unwrap()).unwrap();
    assert_eq!(yaml, document);
}

#[test]
fn servers_read_a_suite_for_each_lab() {
    insta::assert_snapshot!("proof_junit", junit::xml(&[sound(), flaky(), weak(), late()]).unwrap());
}

#[test]
fn github_is_told_where_it_is() {
    let all = [sound(), flaky(), weak(), late()];
    let lines: Vec<String> = all.iter().flat_map(github::annotations).map(|line| line.to_string()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    ::error file=labs/doors/lab.yaml,line=40,col=11,title=doors%3A toggle::flaky: holds in 3 of 10 runs%0Ared although it is solved: Nobody gets in, 100%25 sure (in 7 of 10 runs)
    ::error file=labs/weak/lab.yaml,line=20,col=11,title=weak%3A close::PeerAuthentication foo/default spec.mtls.mode: PERMISSIVE: no check notices
    ::error file=labs/weak/lab.yaml,line=40,col=11,title=weak%3A idle::cannot fail: all its checks are green before anything is done
    ::error file=labs/weak/lab.yaml,line=1,col=1,title=weak::left over: Namespace foo: finalizer <a>
    ::error file=labs/late/lab.yaml,line=20,col=11,title=late%3A close::the step is not solved after 30 s
    ");
}
