//! The words and marks for outcomes and verdicts, the same in every report.

use crate::probe::{
    judge::Outcome,
    result::Cell,
    verdict::{Expected, Verdict},
};

/// How bytes travelled, or that they did not; decides colour and mark of a cell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tone {
    /// Blocked, for a reason that is known.
    Blocked,
    /// Encrypted, and both ends proved who they are.
    Locked,
    /// Readable by anybody on the way, or encrypted without proof.
    Open,
    /// Nothing is known.
    Unknown,
}

/// The word for what was seen.
pub fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Mtls(_) => "mTLS".to_owned(),
        Verdict::TlsOnly => "TLS only".to_owned(),
        Verdict::Http(code) => format!("HTTP {code}"),
        Verdict::NoEndpoint => "no endpoint".to_owned(),
        Verdict::TlsAlert(alert) => format!("alert: {alert}"),
        other => other.to_string(),
    }
}

/// The word for what is expected.
pub fn expected_word(expected: &Expected) -> String {
    match expected {
        Expected::Exactly(verdict) => word(verdict),
        Expected::Mtls => "mTLS".to_owned(),
    }
}

/// The tone of a cell.
pub fn tone(cell: &Cell) -> Tone {
    match &cell.seen {
        None | Some(Verdict::Dns | Verdict::NoEndpoint | Verdict::Timeout) => Tone::Unknown,
        Some(Verdict::Mtls(_)) => Tone::Locked,
        Some(Verdict::Plaintext | Verdict::TlsOnly) => Tone::Open,
        Some(Verdict::Http(code)) if *code < 400 => Tone::Open,
        Some(_) => Tone::Blocked,
    }
}

/// A mark that does without colour: how it travelled, or that it is not as expected.
pub fn mark(cell: &Cell) -> &'static str {
    match (cell.outcome, tone(cell)) {
        (Outcome::Fail, _) => "✗",
        (Outcome::Error, _) | (_, Tone::Unknown) => "?",
        (Outcome::Pass, Tone::Locked) => "●",
        (Outcome::Pass, Tone::Open) => "○",
        (Outcome::Pass, Tone::Blocked) => "×",
    }
}

/// What a cell says: mark and word.
pub fn cell(cell: &Cell) -> String {
    let seen = cell.seen.as_ref().map_or_else(|| "unknown".to_owned(), word);
    format!("{} {seen}", mark(cell))
}

/// What the marks mean.
pub const LEGEND: [(&str, &str); 5] = [
    ("●", "mutual TLS, confirmed at both ends"),
    ("○", "plaintext"),
    ("×", "blocked for the expected reason"),
    ("✗", "not as expected"),
    ("?", "no answer that counts"),
];

/// The mark of an outcome.
pub fn outcome_mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✔",
        Outcome::Error => "?",
        Outcome::Fail => "✗",
    }
}
