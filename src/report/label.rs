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
    cell.seen.as_ref().map_or(Tone::Unknown, tone_of)
}

/// The tone of a verdict.
pub fn tone_of(verdict: &Verdict) -> Tone {
    match verdict {
        Verdict::Dns | Verdict::NoEndpoint | Verdict::Timeout => Tone::Unknown,
        Verdict::Mtls(_) => Tone::Locked,
        Verdict::Plaintext | Verdict::TlsOnly => Tone::Open,
        Verdict::Http(code) if *code < 400 => Tone::Open,
        Verdict::Http(_) | Verdict::Refused | Verdict::Reset | Verdict::TlsAlert(_) => Tone::Blocked,
    }
}

/// A mark that does without colour: how it travelled, or that it is not as expected.
pub fn mark(cell: &Cell) -> &'static str {
    match cell.outcome {
        Outcome::Fail => "✗",
        Outcome::Error => "?",
        Outcome::Pass => tone_mark(tone(cell)),
    }
}

/// The mark of a tone, where everything is as expected.
pub fn tone_mark(tone: Tone) -> &'static str {
    match tone {
        Tone::Unknown => "?",
        Tone::Locked => "●",
        Tone::Open => "○",
        Tone::Blocked => "×",
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
