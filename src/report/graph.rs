//! The service graph for people and for programs that draw.
//!
//! Every form says the same with more than colour: a mark, a word, a kind of line.

mod dot;
mod layout;
mod mermaid;
mod svg;
mod table;

use super::style::Paint;
use crate::mesh::graph::{Edge, Graph, Security, UNKNOWN};

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;
pub use table::table;

/// The mark of a terminal.
fn mark(security: Security) -> &'static str {
    match security {
        Security::Mtls => "●",
        Security::Unconfirmed | Security::Mixed => "◐",
        Security::Tls | Security::Plaintext => "○",
        Security::Failed | Security::Refused => "×",
    }
}

/// The mark where pictures can be shown.
fn picture(security: Security) -> &'static str {
    match security {
        Security::Mtls => "🔒",
        Security::Unconfirmed | Security::Mixed => "🔏",
        Security::Tls | Security::Plaintext => "🔓",
        Security::Failed | Security::Refused => "⛔",
    }
}

fn paint(security: Security) -> Paint {
    match security {
        Security::Mtls => Paint::Green,
        Security::Unconfirmed | Security::Mixed | Security::Tls | Security::Plaintext => Paint::Yellow,
        Security::Failed | Security::Refused => Paint::Magenta,
    }
}

/// A colour that can be seen on white and on black.
fn colour(security: Security) -> &'static str {
    match security {
        Security::Mtls => "#2da44e",
        Security::Unconfirmed | Security::Mixed | Security::Tls | Security::Plaintext => "#bf8700",
        Security::Failed | Security::Refused => "#cf5fd6",
    }
}

/// `0.52/s`, `12/s`; nothing if there was no traffic in the last minute.
fn rate(edge: &Edge) -> Option<String> {
    match edge.rate {
        rate if rate <= 0.0 => None,
        rate if rate < 9.95 => Some(format!("{rate:.2}/s")),
        rate => Some(format!("{rate:.0}/s")),
    }
}

/// How much there was, in the fewest words: what is going on, else what was.
fn amount(edge: &Edge) -> String {
    let (calls, refused) = (edge.total.calls(), edge.total.refused);
    match (rate(edge), calls, refused) {
        (Some(rate), ..) => rate,
        (None, 0, refused) => format!("{refused} refused"),
        (None, 1, _) => "1 call".to_owned(),
        (None, calls, _) => format!("{calls} calls"),
    }
}

/// An edge as a sentence, for those who do not see it.
fn sentence(edge: &Edge) -> String {
    let Edge { source, destination, total, .. } = edge;
    let share = edge.mtls_share.map(|share| format!(", {} over mutual TLS", percent(share))).unwrap_or_default();
    let rate = rate(edge).map(|rate| format!(", {rate}")).unwrap_or_default();
    let counts =
        [(total.calls(), "call", "calls"), (errors(edge), "error", "errors"), (total.refused, "refused", "refused")];
    let counts = counts.iter().filter(|(count, ..)| *count > 0);
    let counts = counts.map(|&(count, one, many)| format!(", {count} {}", if count == 1 { one } else { many }));
    format!("{source} to {destination}: {}{}{rate}{share}", edge.security.word(), counts.collect::<String>())
}

fn errors(edge: &Edge) -> u64 {
    edge.total.errors + edge.total.failed
}

fn percent(share: f64) -> String {
    // 99.9 % must not look like all of them, nor 0.1 % like none.
    match share * 100.0 {
        all if all >= 100.0 => "100%".to_owned(),
        most if most > 99.0 => ">99%".to_owned(),
        none if none <= 0.0 => "0%".to_owned(),
        few if few < 1.0 => "<1%".to_owned(),
        some => format!("{some:.0}%"),
    }
}

/// What is true of the whole graph, in one line.
fn summary(graph: &Graph) -> String {
    let sum = |of: &dyn Fn(&Edge) -> u64| graph.edges.iter().map(of).fold(0, u64::saturating_add);
    let all = sum(&|edge| edge.total.calls());
    let locked = sum(&|edge| if edge.security == Security::Mtls { edge.total.calls() } else { 0 });
    let unknown = sum(&|edge| if edge.source == UNKNOWN { edge.total.calls() } else { 0 });
    let refused = sum(&|edge| edge.total.refused);
    let rate: f64 = graph.edges.iter().map(|edge| edge.rate).sum();
    let mut parts = vec![if all == 1 { "1 call".to_owned() } else { format!("{all} calls") }];
    parts.extend((all > 0).then(|| format!("{} locked", percent(locked as f64 / all as f64))));
    parts.extend((unknown > 0).then(|| format!("{unknown} from unknown sources")));
    parts.extend((refused > 0).then(|| format!("{refused} refused")));
    parts.push(format!("{rate:.1}/s in the last minute"));
    parts.join(", ")
}

#[cfg(test)]
mod tests;
