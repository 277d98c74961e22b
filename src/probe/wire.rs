//! The `wire` check: somebody looks on while a request is made.
//!
//! What is encrypted must have carried the answer that the caller got, and what is hidden must have been there to be
//! hidden: else it would prove nothing.

use super::{
    ask::Prober,
    curl::Answer,
    finding::{Evidence, Finding},
    http::question,
    judge::Outcome,
    result::{CheckResult, Line},
    scene::Scene,
    tap::{self, Eavesdropper, Overheard},
};
use crate::{
    lab::check::{Http, wire::Wire},
    wire::{conversation::Kind, record::Content},
};

/// Looks on while the request is made.
pub async fn check(prober: &Prober<'_>, scene: &Scene, wire: &Wire) -> CheckResult {
    let subject = subject(wire);
    let lines = match look(prober, scene, wire).await {
        Err(why) => vec![Line::broken(subject, expected(wire.travels.value), why)],
        Ok((overheard, finding)) => judge(&subject, wire, &overheard, &finding),
    };
    CheckResult::of_lines("wire", &wire.title, lines)
}

fn subject(wire: &Wire) -> String {
    let to = wire.request.to.as_ref().map_or(wire.request.url.as_str(), |to| &to.value.0);
    format!("{} -> {to}", wire.request.from.value)
}

async fn look(prober: &Prober<'_>, scene: &Scene, wire: &Wire) -> Result<(Vec<Overheard>, Finding), String> {
    let request = &wire.request;
    let to = request.to.as_ref().ok_or("nobody of the lab is asked")?;
    let places = tap::places(scene, &request.from, &request.container, to)?;
    let eavesdroppers = Eavesdropper::begin_all(prober.cluster, &places).await.map_err(|error| error.to_string())?;
    let question = question(request, &request.from.value, &request.container);
    let mut findings = prober.ask(scene, &[question]).await;
    let overheard = tap::overheard(eavesdroppers).await.map_err(|error| error.to_string())?;
    Ok((overheard, findings.pop().unwrap_or_default()))
}

fn expected(kind: Kind) -> &'static str {
    if kind == Kind::Tls { "TLS and nothing else" } else { "text" }
}

/// From what was seen, and what the caller got, to the answers.
fn judge(subject: &str, wire: &Wire, overheard: &[Overheard], finding: &Finding) -> Vec<Line> {
    let mut lines = vec![travels(subject, wire.travels.value, overheard, finding)];
    lines.extend(wire.sni.as_ref().map(|wanted| server_name(subject, wanted, overheard)));
    lines.extend(wire.readable.iter().map(|text| readable(subject, text, overheard)));
    lines.extend(wire.hidden.iter().map(|text| hidden(subject, text, &wire.request, overheard, finding)));
    let evidence: Vec<Evidence> = finding.evidence.iter().cloned().chain(overheard.iter().map(told)).collect();
    lines.iter_mut().for_each(|line| line.evidence.clone_from(&evidence));
    lines
}

/// What somebody saw of one connection.
fn told(overheard: &Overheard) -> Evidence {
    let name = overheard.said.offered().and_then(|offered| offered.server_name);
    let name = name.map_or_else(String::new, |name| format!(", for {name}"));
    Evidence::new(format!("tap in {}", overheard.at), format!("{}: {}{name}", overheard.ends, overheard.said))
}

fn travels(subject: &str, wanted: Kind, overheard: &[Overheard], finding: &Finding) -> Line {
    let kinds: Vec<Kind> = overheard.iter().map(|one| one.said.kind()).filter(|kind| *kind != Kind::Nothing).collect();
    let seen: Vec<String> = overheard.iter().map(|one| one.said.to_string()).collect();
    let line = |holds| Line::new(subject, expected(wanted), seen.join("; "), holds);
    if kinds.is_empty() {
        let why = match &finding.answer {
            Some(answer) => format!("no byte was seen between them; {}", answer.told()),
            None => finding.doubt.clone().unwrap_or_else(|| "no byte was seen between them".to_owned()),
        };
        return Line::broken(subject, expected(wanted), why);
    }
    if wanted == Kind::Text {
        return line(kinds.contains(&Kind::Text));
    }
    if kinds.iter().any(|kind| *kind != Kind::Tls) {
        return line(false);
    }
    match unproved(overheard, finding) {
        Some(why) => Line { outcome: Outcome::Error, why: Some(why), ..line(true) },
        None => line(true),
    }
}

/// Why TLS that was seen does not show that the answer came in it.
fn unproved(overheard: &[Overheard], finding: &Finding) -> Option<String> {
    let carries = |one: &Overheard| {
        [&one.said.to_server, &one.said.to_client]
            .iter()
            .all(|side| side.counts().contains_key(&Content::ApplicationData))
    };
    match &finding.answer {
        None => Some(finding.doubt.clone().unwrap_or_else(|| "nobody asked".to_owned())),
        Some(answer) if answer.exit != 0 => Some(format!("nothing was answered: {}", answer.told())),
        Some(_) if !overheard.iter().any(carries) => Some("no data was seen in the TLS records".to_owned()),
        Some(_) => None,
    }
}

fn server_name(subject: &str, wanted: &str, overheard: &[Overheard]) -> Line {
    let names: Vec<String> =
        overheard.iter().filter_map(|one| one.said.offered()).filter_map(|offered| offered.server_name).collect();
    let seen = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let holds = !names.is_empty() && names.iter().all(|name| name == wanted);
    Line::new(format!("{subject}: server name (SNI)"), wanted, seen, holds)
}

fn readable(subject: &str, text: &str, overheard: &[Overheard]) -> Line {
    let found = overheard.iter().any(|one| one.said.contains(text));
    let seen = if found { "readable" } else { "not seen" };
    Line::new(format!("{subject}: {text:?}"), "readable", seen, found)
}

fn hidden(subject: &str, text: &str, request: &Http, overheard: &[Overheard], finding: &Finding) -> Line {
    let subject = format!("{subject}: {text:?}");
    let found = overheard.iter().any(|one| one.said.contains(text));
    let line = Line::new(subject, "cannot be read", if found { "readable" } else { "not seen" }, !found);
    let doubt = if found {
        None
    } else if overheard.iter().any(|one| one.lost > 0 || one.said.is_cut()) {
        Some("not all that travelled was looked at".to_owned())
    } else if !finding.answer.as_ref().is_some_and(|answer| was_there(text, request, answer)) {
        Some("it stands neither in the request nor in the answer: that it is not seen proves nothing".to_owned())
    } else {
        None
    };
    match doubt {
        Some(why) => Line { outcome: Outcome::Error, why: Some(why), ..line },
        None => line,
    }
}

/// Whether the ends told each other this, if they were connected at all.
fn was_there(text: &str, request: &Http, answer: &Answer) -> bool {
    let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
    let asked = format!("{} /{path} ", request.method);
    let sent = request.headers.iter().map(|(name, value)| format!("{name}: {value}"));
    let mut headers = sent.chain(answer.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    answer.exit == 0
        && (asked.contains(text)
            || request.data.as_ref().is_some_and(|data| data.contains(text))
            || headers.any(|header| header.contains(text))
            || answer.body.contains(text))
}

#[cfg(test)]
mod tests;
