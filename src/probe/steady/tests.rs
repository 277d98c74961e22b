use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::lab::{
    outside::{NamespacedName, Outside, Target},
    position::{Located, Span},
};

const STEPS: [&str; 3] = ["open", "close", "reopen"];

/// Steps of a second each, whose policies are in effect after half of it.
fn times(settle: bool) -> (Instant, Vec<Times>) {
    let zero = Instant::now();
    let step = |number: u64| {
        let began = zero + Duration::from_millis(1000 * number);
        Times { began, settled: settle.then_some(began + Duration::from_millis(500)), ended: false }
    };
    (zero, (0..3).map(step).collect())
}

/// A loop that must fail in the second step.
fn steady() -> Steady {
    let located = |text: &str| Located { value: text.to_owned(), at: Span::default() };
    Steady {
        title: "A loop".to_owned(),
        since: located("open"),
        request: Asks::Outside(Outside {
            service: NamespacedName { namespace: "foo".to_owned(), name: "gateway".to_owned() },
            target: Target::Path("/".to_owned()),
            method: "GET".to_owned(),
            headers: [].into(),
            data: None,
            cacert: None,
            cert: None,
        }),
        fails: vec![(located("close"), Verdict::Reset)],
    }
}

fn saw(failure: Option<&str>) -> Saw {
    match failure {
        None => Saw::Answered,
        Some("broken") => Saw::Broken("no session".to_owned()),
        Some(verdict) => Saw::Failed { verdict: verdict.parse().unwrap(), told: format!("curl: {verdict}") },
    }
}

/// What is said of requests that begin every 40 ms and take 20 ms; `fate` tells what becomes of one by when it begins.
fn judged(settle: bool, fate: impl Fn(u64) -> Option<&'static str>) -> String {
    judged_from(200, settle, fate)
}

fn judged_from(first: u64, settle: bool, fate: impl Fn(u64) -> Option<&'static str>) -> String {
    let (zero, times) = times(settle);
    let asked = |number: u64| {
        let began = zero + Duration::from_millis(number);
        Asked { began, ended: began + Duration::from_millis(20), at: Timestamp::UNIX_EPOCH, saw: saw(fate(number)) }
    };
    let record: Vec<Asked> = (first..3000).step_by(40).map(asked).collect();
    let steady = steady();
    let result = judge(Loop { steady: &steady, steps: &STEPS, since: 0, times: &times, record: &record });
    let line = |line: &Line| {
        let why = line.why.iter().map(|why| format!("\n  {why}"));
        let evidence = line.evidence.iter().map(|it| format!("\n  {}: {}", it.source, it.text));
        let more: String = why.chain(evidence).collect();
        format!("{} {}: {}, seen {}{more}", line.outcome, line.subject, line.expected, line.seen)
    };
    result.findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_step_is_as_it_says_and_changes_while_it_is_solved() {
    let fate = |at| (1300..2400).contains(&at).then_some("reset");
    insta::assert_snapshot!(judged(true, fate), @r"
    pass GET / at foo/gateway in step open: answered, seen 20 answered
    pass GET / at foo/gateway in step close: answered, then reset, seen 8 answered, 17 reset
      curl in the outside world at 1970-01-01T00:00:00Z: curl: reset
    pass GET / at foo/gateway in step reopen: reset, then answered, seen 10 reset, 15 answered
    ");
    // Where nobody tells when policies are in effect, the last requests of a step do.
    assert_eq!(judged(false, fate), judged(true, fate));
}

#[test]
fn a_request_that_ends_in_the_next_step_may_be_of_that() {
    // One begins at 1990 ms, while the second step still lasts, and is answered in the third.
    let fate = |at| (1300..1990).contains(&at).then_some("reset");
    insta::assert_snapshot!(judged_from(190, true, fate), @r"
    pass GET / at foo/gateway in step open: answered, seen 20 answered
    pass GET / at foo/gateway in step close: answered, then reset, seen 8 answered, 17 reset
      curl in the outside world at 1970-01-01T00:00:00Z: curl: reset
    pass GET / at foo/gateway in step reopen: reset, then answered, seen 0 reset, 26 answered
    ");
}

#[test]
fn one_request_that_is_not_as_its_step_says_is_enough() {
    let late = |at| (1300..2700).contains(&at).then_some("reset");
    insta::assert_snapshot!(judged(true, late), @r"
    pass GET / at foo/gateway in step open: answered, seen 20 answered
    pass GET / at foo/gateway in step close: answered, then reset, seen 8 answered, 17 reset
      curl in the outside world at 1970-01-01T00:00:00Z: curl: reset
    fail GET / at foo/gateway in step reopen: reset, then answered, seen 18 reset, 7 answered
      5 requests were not as expected; the first began 0.520 s after the step, when it was solved: reset
      curl in the outside world at 1970-01-01T00:00:00Z: curl: reset
    ");
    let other = |at| match at {
        400 => Some("http(503)"),
        1300..2000 => Some("reset"),
        _ => None,
    };
    insta::assert_snapshot!(judged(true, other), @r"
    fail GET / at foo/gateway in step open: answered, seen 19 answered, 1 http(503)
      1 request was not as expected; the first began 0.400 s after the step, while it was being solved: http(503)
      curl in the outside world at 1970-01-01T00:00:00Z: curl: http(503)
    pass GET / at foo/gateway in step close: answered, then reset, seen 8 answered, 17 reset
      curl in the outside world at 1970-01-01T00:00:00Z: curl: reset
    pass GET / at foo/gateway in step reopen: reset, then answered, seen 0 reset, 25 answered
    ");
}

#[test]
fn what_was_not_asked_often_enough_or_not_at_all_says_nothing() {
    let never = |at: u64| (at >= 1700).then_some("reset");
    insta::assert_snapshot!(judged(false, never), @r"
    pass GET / at foo/gateway in step open: answered, seen 20 answered
    error GET / at foo/gateway in step close: answered, then reset, seen 18 answered, 7 reset
      7 requests like this since the step was solved, 10 say something
      curl in the outside world at 1970-01-01T00:00:00Z: curl: reset
    error GET / at foo/gateway in step reopen: reset, then answered, seen 25 reset, 0 answered
      0 requests like this since the step was solved, 10 say something
      curl in the outside world at 1970-01-01T00:00:00Z: curl: reset
    ");
    let broken = |at| match at {
        400 => Some("broken"),
        1300..2000 => Some("reset"),
        _ => None,
    };
    insta::assert_snapshot!(judged(true, broken), @r"
    error GET / at foo/gateway in step open: answered, seen 19 answered, 1 not made
      a request could not be made: no session
      curl in the outside world at 1970-01-01T00:00:00Z: no session
    pass GET / at foo/gateway in step close: answered, then reset, seen 8 answered, 17 reset
      curl in the outside world at 1970-01-01T00:00:00Z: curl: reset
    pass GET / at foo/gateway in step reopen: reset, then answered, seen 0 reset, 25 answered
    ");
}
