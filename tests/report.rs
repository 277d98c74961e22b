//! Every report of a run, from recorded events: passed, failed, inconclusive, interrupted.

#[path = "report/proof.rs"]
mod proof;

use std::time::Duration;

use labctl::{
    cluster::ObjectRef,
    probe::{
        finding::Evidence,
        judge::Outcome,
        result::{Cell, CheckResult, Grid, GridRow, Line},
    },
    report::{
        self,
        document::RunReport,
        html, junit,
        recorder::Recorder,
        style::Style,
        text::{self, Detail},
    },
    run::{
        event::{Event, Phase},
        result::{Ended, LabInfo, Leftover, Problem, StepInfo, StepResult, Verdict},
    },
};

const COLUMNS: [&str; 3] = ["httpbin.foo", "httpbin.bar", "httpbin.legacy"];

fn started() -> Event {
    let step = |name: &str, title: &str, points| StepInfo {
        name: name.to_owned(),
        title: title.to_owned(),
        points,
        checks: vec!["Who reaches whom".to_owned()],
    };
    Event::Started(LabInfo {
        name: "mtls-strict".to_owned(),
        title: "Mutual TLS, strictly".to_owned(),
        parameters: [("image".to_owned(), "localhost/labctl:0".to_owned())].into(),
        steps: vec![
            step("default", "What a mesh does before anybody asks", 10),
            step("mesh", "Close the whole mesh to plaintext", 15),
        ],
        run: "0123456789ab".to_owned(),
        cluster: "embedded".to_owned(),
        server: None,
        started: "2026-01-02T03:04:05Z".parse().unwrap(),
    })
}

fn mtls(namespace: &str) -> String {
    format!("mtls(spiffe://cluster.local/ns/{namespace}/sa/sleep)")
}

/// A cell that was seen as expected.
fn cell(to: &str, verdict: &str) -> Cell {
    let evidence = vec![
        Evidence::new("curl in sleep", "HTTP 200"),
        Evidence::new(format!("sidecar of {to}"), "inbound from 10.244.0.9:41000"),
    ];
    Cell {
        to: to.to_owned(),
        outcome: Outcome::Pass,
        expected: verdict.parse().unwrap(),
        seen: Some(verdict.parse().unwrap()),
        cause: (verdict == "reset").then(|| "the port only takes mutual TLS, the client spoke plaintext".to_owned()),
        why: None,
        control: (verdict == "reset").then(|| "sleep.foo".to_owned()),
        evidence,
    }
}

fn matrix(legacy: Vec<Cell>) -> CheckResult {
    let row = |from: &str, cells| GridRow { from: from.to_owned(), cells };
    let meshed = |namespace: &str| {
        let own = mtls(namespace);
        COLUMNS.iter().zip([own.as_str(), own.as_str(), "plaintext"]).map(|(to, seen)| cell(to, seen)).collect()
    };
    let grid = Grid {
        path: "/headers".to_owned(),
        columns: COLUMNS.map(str::to_owned).to_vec(),
        rows: vec![row("sleep.foo", meshed("foo")), row("sleep.bar", meshed("bar")), row("sleep.legacy", legacy)],
    };
    CheckResult::of_grid("Who reaches whom", grid)
}

fn legacy(seen: [&str; 3]) -> Vec<Cell> {
    COLUMNS.iter().zip(seen).map(|(to, seen)| cell(to, seen)).collect()
}

fn step(name: &str, title: &str, worth: u32, checks: Vec<CheckResult>, problem: Option<Problem>) -> StepResult {
    let worst = checks.iter().map(|check| check.outcome).max().unwrap_or(Outcome::Error);
    let outcome = if problem.is_some() { Outcome::Error } else { worst };
    StepResult {
        name: name.to_owned(),
        title: title.to_owned(),
        outcome,
        points: if outcome == Outcome::Pass { worth } else { 0 },
        worth,
        took: Duration::from_millis(321),
        problem,
        checks,
    }
}

fn first_step() -> Event {
    let ready = Line::new("READY of Pod httpbin-7d4", "2/2", "2/2", true);
    let checks = vec![
        CheckResult::of_lines("resource", "Pods in foo have a sidecar", vec![ready]),
        matrix(legacy(["plaintext"; 3])),
    ];
    let result = step("default", "What a mesh does before anybody asks", 10, checks, None);
    Event::StepEnded { step: 0, result }
}

fn second_step(checks: Vec<CheckResult>, problem: Option<Problem>) -> Event {
    Event::StepEnded { step: 1, result: step("mesh", "Close the whole mesh to plaintext", 15, checks, problem) }
}

fn phase(phase: Phase) -> Event {
    Event::PhaseEnded { phase, took: Duration::from_millis(120) }
}

fn ended(verdict: Verdict) -> Ended {
    Ended { verdict, problem: None, leftovers: Vec::new(), cleaned: false, took: Duration::from_millis(1530) }
}

fn passed() -> Vec<Event> {
    let closed = second_step(vec![matrix(legacy(["reset", "reset", "plaintext"]))], None);
    let (cluster, cleanup) = (phase(Phase::Cluster), phase(Phase::Cleanup));
    vec![started(), cluster, phase(Phase::Mesh), first_step(), closed, cleanup, Event::Ended(ended(Verdict::Passed))]
}

/// One cell is open that should be closed, and a header is not there.
fn failed() -> Vec<Event> {
    let mut cells = legacy(["reset", "plaintext", "plaintext"]);
    cells[1].outcome = Outcome::Fail;
    cells[1].expected = "reset".parse().unwrap();
    cells[1].cause = Some("sleep.legacy has no sidecar".to_owned());
    let mut line = Line::new("body /headers/X-Forwarded-Client-Cert", "matches /^By=/", "<nothing> & more", false);
    line.evidence.push(Evidence::new("curl in sleep.foo", "HTTP 200"));
    let checks = vec![matrix(cells), CheckResult::of_lines("http", "httpbin.foo is told who calls", vec![line])];
    vec![started(), first_step(), second_step(checks, None), Event::Ended(ended(Verdict::Failed))]
}

/// A server is gone, so that nothing can be said about who may reach it.
fn inconclusive() -> Vec<Event> {
    let mut cells = legacy(["reset", "reset", "plaintext"]);
    cells[1].outcome = Outcome::Error;
    cells[1].seen = Some("no-endpoint".parse().unwrap());
    cells[1].cause = Some("httpbin.bar has no ready pod".to_owned());
    cells[1].why = Some("no-endpoint says nothing about the policy: the Service has no ready pod".to_owned());
    cells[1].control = None;
    let checks = vec![matrix(cells)];
    vec![started(), first_step(), second_step(checks, None), Event::Ended(ended(Verdict::Inconclusive))]
}

/// Somebody pressed Ctrl-C, and one object could not be removed.
fn interrupted() -> Vec<Event> {
    let object = ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: "foo".to_owned(),
    };
    let leftovers = vec![Leftover { object, why: "Namespace foo is held by example.org/hold".to_owned() }];
    let last = Ended { leftovers, cleaned: false, ..ended(Verdict::Interrupted) };
    vec![started(), first_step(), phase(Phase::Cleanup), Event::Ended(last)]
}

/// A pod that never comes up.
fn late() -> Vec<Event> {
    let problem = Problem {
        message: "gave up waiting for the pods of foo:\n  pod foo/httpbin-7d4 is not ready (Running)".to_owned(),
        hint: Some("give it longer with --deadline".to_owned()),
        late: true,
    };
    vec![started(), first_step(), second_step(Vec::new(), Some(problem)), Event::Ended(ended(Verdict::Inconclusive))]
}

fn document(events: &[Event]) -> RunReport {
    let mut recorder = Recorder::default();
    events.iter().find_map(|event| recorder.read(event)).expect("the last event ends the run")
}

/// What stands on standard output in the end.
fn terminal(events: &[Event], detail: Detail, style: Style) -> String {
    let report = document(events);
    let steps = report.steps.iter().enumerate();
    let steps = steps.map(|(place, step)| text::step(place + 1, report.score.steps, step, detail, style) + "\n");
    steps.chain([text::summary(&report, style)]).collect()
}

#[test]
fn a_terminal_shows_each_run() {
    for (name, events) in [
        ("passed", passed()),
        ("failed", failed()),
        ("inconclusive", inconclusive()),
        ("interrupted", interrupted()),
        ("late", late()),
    ] {
        insta::assert_snapshot!(format!("terminal_{name}"), terminal(&events, Detail::Brief, Style::PLAIN));
    }
}

#[test]
fn a_wide_terminal_shows_the_evidence() {
    let style = Style { colour: false, width: 120 };
    insta::assert_snapshot!("terminal_wide", terminal(&passed(), Detail::Wide, style));
}

#[test]
fn a_narrow_terminal_shows_pairs() {
    let style = Style { colour: false, width: 48 };
    insta::assert_snapshot!("terminal_narrow", terminal(&failed(), Detail::Brief, style));
}

#[test]
fn colour_only_adds_to_what_is_there() {
    let coloured = terminal(&failed(), Detail::Brief, Style { colour: true, ..Style::PLAIN });
    let sequences = regex::Regex::new("\u{1b}\\[[0-9]+m").unwrap();
    assert!(sequences.is_match(&coloured));
    assert_eq!(sequences.replace_all(&coloured, ""), terminal(&failed(), Detail::Brief, Style::PLAIN));
}

#[test]
fn every_line_of_a_grid_fits_eighty_columns() {
    let text = terminal(&passed(), Detail::Brief, Style::PLAIN);
    assert_eq!(text.lines().find(|line| line.chars().count() > 80), None);
}

#[test]
fn timings_say_where_the_time_went() {
    let timings = text::timings(&document(&passed()), Some(Duration::from_millis(700)));
    insta::assert_snapshot!(timings, @r"
    cluster                   120 ms
    mesh                      120 ms
    step default              321 ms
    step mesh                 321 ms
    clean up                  120 ms
    all                      1530 ms
    start to first matrix     700 ms
    ");
}

#[test]
fn the_document_is_versioned_and_reads_back() {
    let report = document(&failed());
    let text = report::json(&report).unwrap();
    insta::assert_snapshot!("document", text);
    assert_eq!(serde_json::from_str::<RunReport>(&text).unwrap(), report);
    assert_eq!(serde_yaml::from_str::<RunReport>(&report::yaml(&report).unwrap()).unwrap(), report);
}

#[test]
fn junit_has_a_case_for_each_cell_and_finding() {
    insta::assert_snapshot!("junit_failed", junit::xml(&document(&failed())).unwrap());
    insta::assert_snapshot!("junit_inconclusive", junit::xml(&document(&inconclusive())).unwrap());
    insta::assert_snapshot!("junit_interrupted", junit::xml(&document(&interrupted())).unwrap());
}

#[test]
fn the_page_is_self_contained_and_escapes_what_it_shows() {
    for (name, events) in [("passed", passed()), ("failed", failed()), ("interrupted", interrupted()), ("late", late())]
    {
        let page = html::page(&document(&events)).unwrap();
        for outside in ["http://", "https://", "<script", "<link", "@import", "url("] {
            assert!(!page.contains(outside), "{name} refers to something outside: {outside}");
        }
        insta::assert_snapshot!(format!("page_{name}"), page);
    }
    assert!(html::page(&document(&failed())).unwrap().contains("&lt;nothing&gt; &amp; more"));
}

#[test]
fn events_are_plain_data() {
    for event in passed().into_iter().chain(failed()).chain(interrupted()).chain(late()) {
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
    }
}
