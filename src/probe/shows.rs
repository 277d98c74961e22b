//! What a person sees who runs curl: exit code, status, message.

use super::{assertion, curl::Answer, finding::Finding, result::Line};
use crate::lab::check::{Assertion, CurlShows, HeaderAssertion};

/// One line for each thing that is expected of an answer: what curl shows, headers, the body.
pub fn of_answer(
    subject: &str,
    finding: &Finding,
    wanted: &CurlShows,
    response: &[HeaderAssertion],
    body: &[Assertion],
) -> Vec<Line> {
    let Some(answer) = &finding.answer else {
        return vec![Line::broken(subject, "an answer", finding.doubt.clone().unwrap_or_default())];
    };
    let mut lines = lines(subject, wanted, answer);
    lines.extend(response.iter().map(|header| assertion::of_header(&answer.headers, header)));
    lines.extend(body.iter().map(|body| assertion::of_text("body", &answer.body, body)));
    lines
}

/// One line for each thing that is expected.
pub fn lines(subject: &str, wanted: &CurlShows, answer: &Answer) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(exit) = wanted.exit {
        let seen = answer.exit;
        lines.push(Line::new(format!("{subject}: curl's exit code"), exit.to_string(), seen.to_string(), exit == seen));
    }
    if let Some(status) = wanted.status {
        let seen = answer.status;
        let holds = status == seen;
        lines.push(Line::new(format!("{subject}: status"), format!("{status:03}"), format!("{seen:03}"), holds));
    }
    if let Some(message) = &wanted.message {
        let holds = answer.message.contains(message.as_str());
        let seen = if answer.message.is_empty() { "nothing" } else { &answer.message };
        lines.push(Line::new(format!("{subject}: curl's message"), message, seen, holds));
    }
    lines
}

/// The first thing that is not as expected, in words.
pub fn differs(wanted: &CurlShows, answer: &Answer) -> Option<String> {
    let line = lines("curl", wanted, answer).into_iter().find(|line| line.outcome != super::judge::Outcome::Pass)?;
    let what = line.subject.split(": ").nth(1).unwrap_or_default().to_owned();
    Some(format!("{what} is {}, expected {}", line.seen, line.expected))
}
