//! The explanation as tables of at most 80 columns.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use crate::mesh::explain::report::{ClientPort, Explanation, Pair, ServerPort};

const WIDTH: u16 = 80;

/// All tables, each under its heading.
pub fn render(explanation: &Explanation) -> String {
    let mut text = String::new();
    let mut section = |heading: &str, table: &str| {
        let separator = if text.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{separator}{heading}\n{table}");
    };
    section("What servers accept", &servers(&explanation.servers));
    for (host, rows) in by_host(&explanation.clients, |row| (&row.host, row.port)) {
        section(&format!("How clients call {host}"), &clients(&rows));
    }
    section("What clients see", &verdicts(&explanation.verdicts));
    text
}

fn servers(rows: &[ServerPort]) -> String {
    let mut table = table(&["WORKLOAD", "PORT", "MODE", "DECIDED BY"]);
    for row in rows {
        let by = match (&row.decided_by, &row.mode) {
            (Some(resource), _) => resource.to_string(),
            (None, Some(_)) => "default".to_owned(),
            (None, None) => "no sidecar takes it".to_owned(),
        };
        let port = row.port.map_or_else(|| "others".to_owned(), |port| port.to_string());
        table.add_row([row.workload.clone(), port, row.mode.clone().unwrap_or_else(|| "-".to_owned()), by]);
    }
    lines(&table)
}

/// Clients that do the same share a row.
fn clients(rows: &[&ClientPort]) -> String {
    let mut grouped: Vec<(Vec<&str>, String)> = Vec::new();
    for row in rows {
        let how = how(row);
        match grouped.iter_mut().find(|(_, known)| *known == how) {
            Some((from, _)) if from.contains(&row.client.as_str()) => {}
            Some((from, _)) => from.push(&row.client),
            None => grouped.push((vec![&row.client], how)),
        }
    }
    let mut table = table(&["FROM", "HOW"]);
    // What a client does takes several lines: a rule keeps them apart from the next client's.
    table.load_style(table.style().row_separator(LineStyle::none().fill('┄').junction('┄')));
    for (from, how) in grouped {
        table.add_row([from.join("\n"), how]);
    }
    lines(&table)
}

/// What a client does, a line for each fact.
fn how(row: &ClientPort) -> String {
    let decided = match (&row.rule, row.auto) {
        (Some(rule), false) => rule.to_string(),
        (Some(rule), true) => format!("auto mTLS, {rule} says nothing of TLS"),
        (None, true) => "auto mTLS".to_owned(),
        (None, false) => row.reasons.last().map_or_else(String::new, |reason| reason.replace(": plaintext", "")),
    };
    let subset = row.subset.as_ref().map(|subset| format!(" (subset {subset})")).unwrap_or_default();
    let mut facts = vec![format!("{}{subset}: {decided}", row.mode)];
    if row.mode == "DISABLE" || !row.endpoints.is_empty() && row.sni.is_none() {
        facts.push(format!("to   {}", row.endpoints.join(", ")));
    }
    facts.extend(row.sni.as_ref().map(|sni| format!("SNI  {sni}")));
    facts.extend(row.sans.iter().map(|san| format!("SAN  {san}")));
    facts.join("\n")
}

fn verdicts(rows: &[Pair]) -> String {
    let mut table = table(&["FROM", "TO", "ENDPOINTS", "VERDICT"]);
    for row in rows {
        // Whom the client proves to be stands in its own column already.
        let verdict = if row.verdict.starts_with("mtls(") { "mtls" } else { &row.verdict };
        let flags = if row.flags.is_empty() { String::new() } else { format!(" {}", row.flags) };
        let endpoints = if row.endpoints.is_empty() { "-".to_owned() } else { row.endpoints.join(", ") };
        table.add_row([row.from.clone(), short(&row.host, row.port), endpoints, format!("{verdict}{flags}")]);
    }
    lines(&table)
}

/// `httpbin.foo:8000`: the host without the part that all Services share.
fn short(host: &str, port: u16) -> String {
    let name = host.split_once(".svc.").map_or(host, |(name, _)| name);
    format!("{name}:{port}")
}

fn by_host<'a, R>(rows: &'a [R], key: impl Fn(&'a R) -> (&'a String, u16)) -> Vec<(String, Vec<&'a R>)> {
    let mut groups: Vec<(String, Vec<&'a R>)> = Vec::new();
    for row in rows {
        let (host, port) = key(row);
        let name = format!("{host}:{port}");
        match groups.last_mut().filter(|(known, _)| *known == name) {
            Some((_, group)) => group.push(row),
            None => groups.push((name, vec![row])),
        }
    }
    groups
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .force_no_tty()
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(header.to_vec());
    table
}

/// The table without the blanks that fill its last column.
fn lines(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
