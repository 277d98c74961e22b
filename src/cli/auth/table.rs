//! The two tables of `labctl auth check`, in the columns that trainees know.

use std::fmt::Write as _;

use super::Found;
use crate::{
    cluster::mesh::acknowledged::Acknowledged,
    mesh::explain::{
        auth::{AuthCheck, Destination, FilterChain, Listener},
        report::Deciding,
    },
    report::{
        columns::columns,
        style::{Paint, Style},
    },
};

/// What stands in the columns of what this mesh does not have: nobody asks for a token, nobody is authorised.
const NEITHER: &str = "no (none)";

/// Who it is, then both tables; `wide` adds who decided.
pub(super) fn render(found: &Found, wide: bool, style: Style) -> String {
    let check = &found.check;
    let mut text = format!("{}\n", style.paint(Paint::Bold, &format!("{}/{}", check.namespace, check.pod)));
    if !check.sidecar {
        text.push_str("no sidecar: its application sees every byte that comes, and calls others as it likes\n");
        return text;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "identity       {}\nconfiguration  {}", check.identity, told(found, style));
    if !check.listeners.is_empty() {
        push(&mut text, &listeners(check, wide), style);
    }
    if !check.outbound.is_empty() {
        push(&mut text, &outbound(check, wide), style);
    }
    text
}

fn told(found: &Found, style: Style) -> String {
    let version = &found.check.configuration;
    let late = |text: &str| format!("{version}, {}", style.paint(Paint::Yellow, text));
    match &found.acknowledged {
        Acknowledged::Yes => format!("{version}, the proxy works with it"),
        Acknowledged::No(Some(other)) => late(&format!("but the proxy still works with {other}")),
        Acknowledged::No(None) => late("but the proxy has none yet"),
        Acknowledged::Untold => format!("{version}, the proxy does not tell what it works with"),
    }
}

fn push(text: &mut String, lines: &[String], style: Style) {
    for (place, line) in lines.iter().enumerate() {
        let line = if place == 0 { style.paint(Paint::Dim, line) } else { line.clone() };
        let separator = if place == 0 { "\n" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{separator}{line}");
    }
}

fn listeners(check: &AuthCheck, wide: bool) -> Vec<String> {
    let mut headings = vec!["LISTENER", "CERTIFICATE", "mTLS (MODE)", "JWT (ISSUERS)", "RBAC (RULES)"];
    if wide {
        headings.push("DECIDED BY");
    }
    let rows = check.listeners.iter().flat_map(|listener| {
        listener.chains.iter().enumerate().map(move |(place, chain)| row(listener, place, *chain, wide))
    });
    columns(&headings, &rows.collect::<Vec<_>>())
}

fn row(listener: &Listener, place: usize, chain: FilterChain, wide: bool) -> Vec<String> {
    let several = listener.chains.len() > 1;
    let name = if several { format!("{}[{place}]", listener.name) } else { listener.name.clone() };
    let mode = listener.mode.map_or_else(|| "bypassed".to_owned(), |mode| mode.to_string());
    let answer = if chain.mtls { "yes" } else { "no" };
    let mut cells = vec![
        name,
        chain.certificate.unwrap_or("none").to_owned(),
        format!("{answer} ({mode})"),
        NEITHER.to_owned(),
        NEITHER.to_owned(),
    ];
    if wide {
        cells.push(decided(listener.decided_by.as_ref(), listener.field.as_deref(), "default"));
    }
    cells
}

fn outbound(check: &AuthCheck, wide: bool) -> Vec<String> {
    let mut headings = vec!["HOST:PORT", "CERTIFICATE", "VALIDATE PEER CERTIFICATE"];
    if wide {
        headings.extend(["MODE", "ENDPOINTS", "DECIDED BY"]);
    }
    let none = || "none".to_owned();
    let row = |to: &Destination| {
        let way = to.way.map(|way| format!("[{way}]")).unwrap_or_default();
        let mut cells = vec![
            format!("{}:{}{way}", to.host, to.port),
            to.certificate.clone().unwrap_or_else(none),
            to.validated_by.clone().unwrap_or_else(none),
        ];
        if wide {
            let default = if to.auto { "auto mTLS" } else { "default" };
            let endpoints = if to.endpoints.is_empty() { none() } else { to.endpoints.join(", ") };
            let by = to.decided_by.as_ref().filter(|_| !to.auto);
            cells.extend([to.mode.clone(), endpoints, decided(by, to.field.as_deref(), default)]);
        }
        cells
    };
    columns(&headings, &check.outbound.iter().map(row).collect::<Vec<_>>())
}

fn decided(by: Option<&Deciding>, field: Option<&str>, default: &str) -> String {
    match (by, field) {
        (Some(by), Some(field)) => format!("{by} {field}"),
        (Some(by), None) => by.to_string(),
        (None, _) => default.to_owned(),
    }
}
