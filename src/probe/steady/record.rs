//! What is recorded of a loop: one entry for each request, one for each step.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::time::Instant;

use super::word;
use crate::probe::verdict::Verdict;

/// When a step was done.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When its solution began.
    pub began: Instant,
    /// When every proxy had acknowledged its policies; nothing before that, and where proxies do not tell.
    pub settled: Option<Instant>,
    /// Whether it is over and graded.
    pub ended: bool,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it was sent.
    pub began: Instant,
    /// When its caller knew what had become of it.
    pub ended: Instant,
    /// When it was sent, for people.
    pub at: Timestamp,
    /// What the caller saw.
    pub saw: Saw,
}

/// What a caller saw of its request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Saw {
    /// The application's answer.
    Answered,
    /// Nothing: the request could not be made.
    Broken(String),
    /// It failed.
    Failed {
        /// How.
        verdict: Verdict,
        /// What a person would have seen on the terminal.
        told: String,
    },
}

impl Saw {
    /// How it failed; nothing if it was answered, or not made.
    pub fn failure(&self) -> Option<&Verdict> {
        if let Self::Failed { verdict, .. } = self { Some(verdict) } else { None }
    }

    /// What there is to say about it, if it was not simply answered.
    pub fn told(&self) -> Option<&str> {
        match self {
            Self::Answered => None,
            Self::Broken(why) => Some(why),
            Self::Failed { told, .. } => Some(told),
        }
    }
}

/// How many requests there were of each kind: first of those that are expected, even if there were none, then of others.
pub(super) fn tally(asked: &[&Asked], expected: &[String]) -> String {
    if asked.is_empty() {
        return "nobody asked".to_owned();
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for asked in asked {
        let kind = if matches!(asked.saw, Saw::Broken(_)) { "not made".to_owned() } else { word(asked.saw.failure()) };
        *counts.entry(kind).or_default() += 1;
    }
    let wanted: Vec<_> = expected.iter().map(|kind| (kind.clone(), counts.remove(kind).unwrap_or_default())).collect();
    let all = wanted.into_iter().chain(counts).map(|(kind, count)| format!("{count} {kind}"));
    all.collect::<Vec<_>>().join(", ")
}
