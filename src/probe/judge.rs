//! The right-reason rule: what counts as a pass, as a failure, and as no answer at all.
//!
//! "Blocked" passes only for the named cause, and only if a control shows that the server is reachable. A timeout, a
//! name that does not resolve, a server that is down or a broken probe is an error, unless exactly that is expected.

use serde::{Deserialize, Serialize};

use super::{
    finding::Finding,
    result::Line,
    verdict::{Expected, Verdict},
};
use crate::mesh::identity::SpiffeId;

/// How a check ended. The worse of two is the greater.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As expected, and for the right reason.
    Pass,
    /// Nothing can be said: the question was not answered.
    Error,
    /// Answered, and not as expected.
    Fail,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Error => "error",
            Self::Fail => "fail",
        })
    }
}

/// What is known of the server besides the question itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Control {
    /// Somebody reaches it; who.
    Reached(String),
    /// Nobody does, or nobody could be asked; why.
    Unreached(String),
}

impl Control {
    /// What somebody's same question came to.
    pub fn of(who: &str, finding: &Finding) -> Self {
        if finding.doubt.is_none() && finding.verdict.as_ref().is_some_and(Verdict::answered) {
            return Self::Reached(who.to_owned());
        }
        let seen = finding.doubt.clone().or_else(|| finding.verdict.as_ref().map(ToString::to_string));
        Self::Unreached(format!("{who} sees {}", seen.unwrap_or_default()))
    }
}

/// Judges what a caller saw, who may be a workload. The text says why, unless all is well.
pub fn judge(
    expected: &Expected,
    finding: &Finding,
    caller: Option<&SpiffeId>,
    control: Option<&Control>,
) -> (Outcome, Option<String>) {
    let error = |why: String| (Outcome::Error, Some(why));
    let Some(seen) = &finding.verdict else {
        return error(finding.doubt.clone().unwrap_or_else(|| "the probe has no answer".to_owned()));
    };
    if let Some(doubt) = &finding.doubt {
        return error(doubt.clone());
    }
    if !expected.admits(seen, caller) {
        return if is_breakage(seen) {
            error(format!("{seen} says nothing about the policy: {}", meaning(seen)))
        } else {
            (Outcome::Fail, finding.cause.clone())
        };
    }
    match control {
        Some(Control::Unreached(why)) if needs_control(expected) => error(proves_nothing(why)),
        None if needs_control(expected) => {
            error("the block proves nothing, because no control shows that the server is up".to_owned())
        }
        _ => (Outcome::Pass, None),
    }
}

/// Why a block does not count where the control was blocked, too.
pub fn proves_nothing(why: &str) -> String {
    format!("the block proves nothing, because nobody reaches the server: {why}")
}

/// What a caller saw of `subject`, judged.
pub fn line(
    subject: &str,
    expected: &Expected,
    finding: &Finding,
    caller: Option<&SpiffeId>,
    control: Option<&Control>,
) -> Line {
    let (outcome, why) = judge(expected, finding, caller, control);
    Line {
        outcome,
        subject: subject.to_owned(),
        expected: expected.to_string(),
        seen: finding.verdict.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string),
        why,
        evidence: finding.evidence.clone(),
    }
}

/// Whether a pass needs proof that the server is there for others.
pub fn needs_control(expected: &Expected) -> bool {
    match expected {
        Expected::Exactly(verdict) => !verdict.answered() && !is_breakage(verdict),
        Expected::Mtls => false,
    }
}

/// Whether something other than a policy shows this.
fn is_breakage(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Dns | Verdict::NoEndpoint | Verdict::Refused | Verdict::Timeout)
}

fn meaning(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Dns => "the name does not resolve",
        Verdict::NoEndpoint => "the Service has no ready pod",
        Verdict::Refused => "nobody listens there",
        Verdict::Timeout => "no answer came in time",
        _ => "the answer is another",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(verdict: &str) -> Finding {
        Finding { verdict: Some(verdict.parse().unwrap()), ..Finding::default() }
    }

    fn judged(expected: &str, finding: &Finding, control: Option<&Control>) -> Outcome {
        let caller = SpiffeId::new("cluster.local", "foo", "sleep");
        judge(&expected.parse().unwrap(), finding, Some(&caller), control).0
    }

    #[test]
    fn only_the_named_cause_passes() {
        let up = Some(&Control::Reached("sleep.foo".to_owned())).cloned();
        let up = up.as_ref();
        for (expected, verdict, outcome) in [
            ("mtls", "mtls(spiffe://cluster.local/ns/foo/sa/sleep)", Outcome::Pass),
            ("mtls", "mtls(spiffe://cluster.local/ns/foo/sa/other)", Outcome::Fail),
            ("mtls", "plaintext", Outcome::Fail),
            ("mtls", "reset", Outcome::Fail),
            ("mtls", "timeout", Outcome::Error),
            ("plaintext", "http(503)", Outcome::Fail),
            ("reset", "reset", Outcome::Pass),
            ("reset", "plaintext", Outcome::Fail),
            ("reset", "http(503)", Outcome::Fail),
            ("reset", "timeout", Outcome::Error),
            ("reset", "refused", Outcome::Error),
            ("reset", "dns", Outcome::Error),
            ("reset", "no-endpoint", Outcome::Error),
            ("refused", "refused", Outcome::Pass),
            ("no-endpoint", "no-endpoint", Outcome::Pass),
        ] {
            assert_eq!(judged(expected, &seen(verdict), up), outcome, "{expected} expected, {verdict} seen");
        }
    }

    #[test]
    fn a_block_needs_a_control_that_succeeds() {
        let down = Control::Unreached("sleep.foo sees timeout".to_owned());
        assert_eq!(judged("reset", &seen("reset"), Some(&down)), Outcome::Error);
        assert_eq!(judged("http(503)", &seen("http(503)"), None), Outcome::Error);
        assert_eq!(judged("refused", &seen("refused"), None), Outcome::Pass);
        assert_eq!(judged("plaintext", &seen("plaintext"), None), Outcome::Pass);
    }

    #[test]
    fn a_doubtful_verdict_never_counts() {
        let mut doubtful = seen("reset");
        doubtful.doubt = Some("the server's sidecar has no record of it".to_owned());
        assert_eq!(judged("reset", &doubtful, Some(&Control::Reached("sleep.foo".to_owned()))), Outcome::Error);
        assert_eq!(judged("reset", &Finding::broken("no pod"), None), Outcome::Error);
    }
}
