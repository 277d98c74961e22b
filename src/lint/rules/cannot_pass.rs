//! Checks that expect something else than what the objects after a step mean: the predicted matrix against the expected.

use crate::{
    lab::{
        check::{Check, Http, Matrix, Resource, wire::Wire},
        position::{Located, Span},
    },
    lint::{
        Code, Subject,
        predict::{self, Cell, Question, Seen},
        world::World,
    },
    probe::verdict::{Expected, Verdict},
    wire::conversation::Kind,
};

pub(super) fn check(subject: &Subject<'_>) {
    for (step, _, after) in subject.replay.steps(subject.lab) {
        for check in &step.expect {
            match &check.value {
                Check::Http(http) => request(subject, check.at, http, after),
                Check::Matrix(expected) => matrix(subject, expected, after),
                Check::Resource(expected) => resource(subject, check.at, expected, after),
                Check::Wire(expected) => wire(subject, expected, after),
                // What these see depends on more than objects.
                _ => {}
            }
        }
    }
}

fn matrix(subject: &Subject<'_>, matrix: &Matrix, after: &World) {
    for Cell { to, expected, question } in predict::cells(subject.lab, matrix) {
        if let Some(seen) = question.ask(after) {
            compare(subject, &format!("{} -> {to}", question.from.name.value), expected, &seen);
        }
    }
}

fn request(subject: &Subject<'_>, at: Span, http: &Http, after: &World) {
    let from = subject.lab.workload(&http.from);
    let Some(seen) = Question::of(from, http).and_then(|question| question.ask(after)) else { return };
    let pair = format!("{} -> {}", http.from.value, http.url);
    match &http.verdict {
        Some(expected) => compare(subject, &pair, expected, &seen),
        None if wants_an_answer(http) && seen.verdict == Verdict::Reset => {
            let message = format!("{pair}: an answer is expected, predicted is `{}`", seen.verdict);
            subject.note(Code::CannotPass, at, message, because(&seen));
        }
        None => {}
    }
}

fn wants_an_answer(http: &Http) -> bool {
    http.shows.status.is_some_and(|status| status > 0) || http.shows.exit == Some(0)
}

fn compare(subject: &Subject<'_>, pair: &str, expected: &Located<Expected>, seen: &Seen) {
    if predict::fits(expected, seen) == Some(false) {
        let message = format!("{pair}: `{}` is expected, predicted is `{}`", expected.value, seen.word());
        subject.note(Code::CannotPass, expected.at, message, because(seen));
    }
}

fn because(seen: &Seen) -> String {
    format!("because {}", seen.reasons.join("; "))
}

fn wire(subject: &Subject<'_>, wire: &Wire, after: &World) {
    let from = subject.lab.workload(&wire.request.from);
    let Some(seen) = Question::of(from, &wire.request).and_then(|question| question.ask(after)) else { return };
    let travels = match seen.verdict {
        Verdict::Mtls(_) | Verdict::TlsOnly => Kind::Tls,
        Verdict::Plaintext => Kind::Text,
        _ => return,
    };
    if travels != wire.travels.value {
        let word = |kind: Kind| if kind == Kind::Tls { "tls" } else { "text" };
        let (expected, predicted) = (word(wire.travels.value), word(travels));
        let pair = format!("{} -> {}", wire.request.from.value, wire.request.url);
        let message = format!("{pair}: `{expected}` is expected to travel, predicted is `{predicted}`");
        subject.note(Code::CannotPass, wire.travels.at, message, because(&seen));
    }
}

fn resource(subject: &Subject<'_>, at: Span, check: &Resource, after: &World) {
    for wrong in predict::resource(check, after).unwrap_or_default() {
        let message = format!("{}: expected {}, after this step {}", wrong.subject, wrong.expected, wrong.seen);
        let hint = "compare it with what the lab has applied and not deleted by then: `labctl show LAB --manifests`";
        subject.note(Code::CannotPass, at, message, hint);
    }
}
