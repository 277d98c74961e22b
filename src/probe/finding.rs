//! What a probe found out.

use serde::{Deserialize, Serialize};

use super::{curl::Answer, verdict::Verdict};
use crate::lab::plain::printable;

/// The answer to one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finding {
    /// What was seen; nothing if the probe itself broke.
    pub verdict: Option<Verdict>,
    /// Why it was so, in words a trainee understands.
    pub cause: Option<String>,
    /// Who says so: the client first, then the sidecars.
    pub evidence: Vec<Evidence>,
    /// Why the verdict does not count, if it does not: an end that contradicts, or is silent.
    pub doubt: Option<String>,
    /// What curl saw, if it ran.
    pub answer: Option<Answer>,
}

impl Finding {
    /// A probe that broke before it saw anything.
    pub fn broken(why: impl Into<String>) -> Self {
        Self { doubt: Some(why.into()), ..Self::default() }
    }
}

/// One line that somebody wrote.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Who says it: `curl in sleep.foo`, `sidecar of httpbin.foo`.
    pub source: String,
    /// What it says.
    pub text: String,
}

impl Evidence {
    /// A line from somebody, perhaps a stranger's program; it is made fit to be shown.
    pub fn new(source: impl Into<String>, text: impl Into<String>) -> Self {
        Self { source: source.into(), text: printable(&text.into()).into_owned() }
    }
}
