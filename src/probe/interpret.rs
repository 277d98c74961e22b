//! From what both ends say to one verdict. Pure: every input is data.

use super::{
    alert::{ALERTS, Alert},
    curl::{Answer, Request},
    finding::{Evidence, Finding},
    verdict::Verdict,
    witness::told,
    xfcc::{Echo, echo},
};
use crate::sidecar::access_log::{AccessLog, Transport};

/// One request as both ends saw it.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    /// What was asked.
    pub request: &'a Request,
    /// Who asked, as a lab names it.
    pub caller: &'a str,
    /// Whether the caller's connection went through a sidecar of its own.
    pub caller_has_sidecar: bool,
    /// Who was asked; nothing if it is no participant of the lab.
    pub server: Option<Server<'a>>,
    /// What the caller saw.
    pub answer: &'a Answer,
    /// What the caller's sidecar says.
    pub at_caller: Option<&'a AccessLog>,
    /// What the server's sidecar says.
    pub at_server: Option<&'a AccessLog>,
    /// Whether a gateway stands between: what the application was told is then about the gateway.
    pub through_gateway: bool,
    /// Whether sidecars could say anything at all: Istio's write no log that is understood here.
    pub witnessed: bool,
}

/// Who was asked.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    /// As a lab names it.
    pub name: &'a str,
    /// How many of its pods are ready.
    pub ready: usize,
    /// Whether all of these have a sidecar.
    pub has_sidecar: bool,
}

/// Concludes from both ends what was seen, why, and whether that is certain.
pub fn interpret(exchange: &Exchange<'_>) -> Finding {
    let mut finding = Finding { answer: Some(exchange.answer.clone()), ..Finding::default() };
    finding.evidence.push(Evidence::new(format!("curl in {}", exchange.caller), exchange.answer.told()));
    let server = exchange.server.map_or("the server", |server| server.name);
    let said = |who: &str, line: &AccessLog| Evidence::new(format!("sidecar of {who}"), told(line));
    finding.evidence.extend(exchange.at_caller.map(|line| said(exchange.caller, line)));
    finding.evidence.extend(exchange.at_server.map(|line| said(server, line)));
    match seen(exchange.answer) {
        Err(broken) => finding.doubt = Some(broken),
        Ok(Seen::Answered) => answered(exchange, &mut finding),
        Ok(Seen::Verdict(verdict)) => blocked(exchange, verdict, &mut finding),
    }
    finding
}

/// What the caller alone can tell.
enum Seen {
    Answered,
    Verdict(Verdict),
}

/// Source: curl's exit codes, as its manual lists them.
fn seen(answer: &Answer) -> Result<Seen, String> {
    let verdict = match answer.exit {
        0 if (1..400).contains(&answer.status) => return Ok(Seen::Answered),
        0 if answer.status >= 400 => Verdict::Http(answer.status),
        6 => Verdict::Dns,
        7 => Verdict::Refused,
        28 => Verdict::Timeout,
        35 | 56 | 98 => match alert(&answer.message) {
            Some(alert) => Verdict::TlsAlert(alert),
            None if answer.message.to_lowercase().contains("reset") => Verdict::Reset,
            None => return Err(answer.told()),
        },
        52 => Verdict::Reset,
        _ => return Err(answer.told()),
    };
    Ok(Seen::Verdict(verdict))
}

/// The TLS alert that a message names, whichever library worded it.
fn alert(message: &str) -> Option<Alert> {
    let squeezed = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let message = squeezed(message);
    let named = |(_, name): &&(u8, &str)| message.contains(&format!("alert{}", squeezed(name)));
    ALERTS.iter().filter(named).max_by_key(|(_, name)| name.len()).and_then(|&(code, _)| Alert::from_code(code))
}

/// Tells over what an answer came; the server's sidecar, or the lack of one, must agree with the application.
fn answered(exchange: &Exchange<'_>, finding: &mut Finding) {
    let echo = echo(&exchange.answer.body);
    if let Echo::Identified(id) = &echo {
        let server = exchange.server.map_or("the server", |server| server.name);
        finding.evidence.push(Evidence::new(server, format!("received X-Forwarded-Client-Cert with URI={id}")));
    }
    let echo = if exchange.through_gateway { Echo::None } else { echo };
    let plain = if exchange.request.url.starts_with("https:") { Verdict::TlsOnly } else { Verdict::Plaintext };
    let Some(server) = exchange.server else {
        finding.verdict = Some(if let Echo::Identified(id) = echo { Verdict::Mtls(id) } else { plain });
        return;
    };
    if !server.has_sidecar {
        finding.cause = Some(format!("{} has no sidecar", server.name));
        if let Echo::Identified(id) = echo {
            finding.doubt = Some(format!("{} has no sidecar, yet was told that {id} is calling", server.name));
        }
        finding.verdict = Some(plain);
        return;
    }
    if !exchange.witnessed {
        return told_by_application(server.name, echo, plain, finding);
    }
    let Some(line) = exchange.at_server else {
        finding.doubt = Some(format!("the sidecar of {} says nothing about this request", server.name));
        return;
    };
    let verdict = match (line.transport, &line.peer) {
        (Transport::Mtls, Some(peer)) => Verdict::Mtls(peer.clone()),
        (Transport::Mtls, None) => Verdict::TlsOnly,
        (Transport::Tls, _) => Verdict::TlsOnly,
        (Transport::Plaintext, _) => plain,
    };
    finding.doubt = contradiction(server.name, &echo, &verdict);
    if !exchange.caller_has_sidecar && verdict == Verdict::Plaintext {
        finding.cause = Some(format!("{} has no sidecar", exchange.caller));
    }
    finding.verdict = Some(verdict);
}

/// Where no sidecar is heard, the application's word alone tells whether its sidecar met a certificate.
fn told_by_application(server: &str, echo: Echo, plain: Verdict, finding: &mut Finding) {
    match echo {
        Echo::Identified(id) => finding.verdict = Some(Verdict::Mtls(id)),
        Echo::Unidentified => {
            let told = "received no X-Forwarded-Client-Cert: its sidecar met no certificate of the mesh";
            finding.evidence.push(Evidence::new(server, told));
            finding.verdict = Some(plain);
        }
        Echo::None => {
            finding.doubt = Some(format!(
                "{server} does not echo its headers, and the mesh's access logs are not read: ask for /headers"
            ));
        }
    }
}

/// Where the application and its own sidecar disagree about who is calling.
fn contradiction(server: &str, echo: &Echo, at_sidecar: &Verdict) -> Option<String> {
    match (echo, at_sidecar) {
        (Echo::Identified(told), Verdict::Mtls(peer)) if told != peer => {
            Some(format!("{server} was told that {told} is calling, but its sidecar met {peer}"))
        }
        (Echo::Identified(told), verdict) if !matches!(verdict, Verdict::Mtls(_)) => {
            Some(format!("{server} was told that {told} is calling, but its sidecar saw {verdict}"))
        }
        (Echo::Unidentified, Verdict::Mtls(peer)) => {
            Some(format!("the sidecar of {server} met {peer}, but did not tell the application"))
        }
        _ => None,
    }
}

/// Tells why there was no answer of the application; whoever blocked it must say so.
fn blocked(exchange: &Exchange<'_>, verdict: Verdict, finding: &mut Finding) {
    let breakage = match exchange.server {
        Some(server) if server.ready == 0 => Some(Verdict::NoEndpoint),
        _ => breakage(exchange, &verdict),
    };
    if let Some(breakage) = breakage {
        finding.cause = match (&breakage, exchange.server) {
            (Verdict::NoEndpoint, Some(server)) => Some(format!("{} has no ready pod", server.name)),
            _ => cause(exchange),
        };
        finding.verdict = Some(breakage);
        return;
    }
    match verdict {
        Verdict::Http(status) => refused_with_status(exchange, status, finding),
        Verdict::Reset | Verdict::TlsAlert(_) => closed(exchange, finding),
        _ => (),
    }
    finding.verdict = Some(verdict);
}

/// What a sidecar's 503 stands for if it is about a server that is down, and no policy.
///
/// Source: the response flags and bodies of Envoy.
fn breakage(exchange: &Exchange<'_>, verdict: &Verdict) -> Option<Verdict> {
    if !matches!(verdict, Verdict::Http(503)) {
        return None;
    }
    let body = exchange.answer.body.to_lowercase();
    let no_upstream = exchange.at_caller.is_some_and(|line| has_flag(line, "UH"));
    if no_upstream || body.contains("no healthy upstream") {
        Some(Verdict::NoEndpoint)
    } else if !body.starts_with("upstream connect error") {
        None
    } else if body.contains("connection refused") {
        Some(Verdict::Refused)
    } else if body.contains("connection timeout") {
        Some(Verdict::Timeout)
    } else {
        None
    }
}

fn has_flag(line: &AccessLog, wanted: &str) -> bool {
    line.flags.split(',').any(|flag| flag == wanted)
}

/// What the sidecar that ended it says, the caller's first.
fn cause(exchange: &Exchange<'_>) -> Option<String> {
    [exchange.at_caller, exchange.at_server].into_iter().flatten().find_map(|line| line.cause.clone())
}

/// A status of 400 and more: the application's own, or that of a sidecar, which says so.
fn refused_with_status(exchange: &Exchange<'_>, status: u16, finding: &mut Finding) {
    if exchange.witnessed && exchange.caller_has_sidecar && exchange.at_caller.is_none() && exchange.server.is_some() {
        finding.doubt = Some(format!("the sidecar of {} says nothing about this request", exchange.caller));
    }
    let body = exchange.answer.body.trim();
    let brief = (!body.is_empty() && body.lines().count() == 1 && body.len() <= 300).then(|| body.to_owned());
    finding.cause = cause(exchange).or(brief).or_else(|| Some(format!("answered with status {status}")));
}

/// A connection that was closed: the sidecar that closed it says so, else something else did.
fn closed(exchange: &Exchange<'_>, finding: &mut Finding) {
    let Some(server) = exchange.server else { return };
    if !exchange.witnessed && server.has_sidecar {
        let told = "not asked: the mesh's access logs are not read, so who closed it is known from the caller only";
        finding.evidence.push(Evidence::new(format!("sidecar of {}", server.name), told));
        return;
    }
    let let_through = |line: &AccessLog| line.cause.is_none() || UPSTREAM.iter().any(|flag| has_flag(line, flag));
    finding.doubt = match (exchange.at_server, exchange.at_caller) {
        (Some(line), _) if let_through(line) => {
            let cause = line.cause.as_deref().unwrap_or("the application closed it");
            Some(format!("the sidecar of {} let it through: {cause}", server.name))
        }
        (Some(_), _) => None,
        (None, Some(line)) if line.cause.is_some() => None,
        _ if server.has_sidecar => Some(format!("the sidecar of {} says nothing about this connection", server.name)),
        _ => Some(format!(
            "{} has no sidecar that could refuse: the application, or the network, closed it",
            server.name
        )),
    };
    if finding.doubt.is_none() {
        finding.cause = exchange.at_server.and_then(|line| line.cause.clone()).or_else(|| cause(exchange));
    }
}

/// The flags by which a server's sidecar says that its application failed.
const UPSTREAM: [&str; 4] = ["UC", "UF", "UH", "UPE"];

/// Which ends must be asked about an answer: the caller's sidecar, the server's sidecar.
pub fn wants(answer: &Answer, caller_has_sidecar: bool, server_has_sidecar: bool) -> (bool, bool) {
    match seen(answer) {
        Ok(Seen::Answered) => (false, server_has_sidecar),
        Ok(Seen::Verdict(Verdict::Http(_))) => (caller_has_sidecar, server_has_sidecar && !caller_has_sidecar),
        Ok(Seen::Verdict(Verdict::Reset | Verdict::TlsAlert(_))) => {
            (caller_has_sidecar, server_has_sidecar && !caller_has_sidecar)
        }
        Ok(Seen::Verdict(_)) | Err(_) => (false, false),
    }
}

#[cfg(test)]
mod tests;
