//! The graph as a table of edges.

use std::fmt::Write as _;

use super::{errors, mark, paint, percent, rate, summary};
use crate::{
    mesh::graph::{Edge, Graph, Security},
    report::style::{Paint, Style},
};

const HEADER: [&str; 8] = ["FROM", "TO", "SECURITY", "mTLS", "RATE", "CALLS", "ERRORS", "REFUSED"];
/// Columns with names, which may be long; the others are as wide as they have to be.
const NAMES: usize = 2;
const GAP: &str = "  ";

/// Draws the table: marks, edges, what the marks mean, and a summary.
pub fn table(graph: &Graph, style: Style) -> String {
    if graph.edges.is_empty() {
        return format!("nobody has called anybody yet\n{}", silent(graph, style));
    }
    let rows: Vec<[String; 8]> = graph.edges.iter().map(cells).collect();
    let widths = widths(&rows, style.width);
    let mut text = style.paint(Paint::Dim, &line(" ", &HEADER.map(str::to_owned), &widths)) + "\n";
    for (edge, row) in graph.edges.iter().zip(&rows) {
        let shown = line(mark(edge.security), row, &widths);
        let paint =
            if rate(edge).is_none() && edge.security == Security::Mtls { Paint::Dim } else { paint(edge.security) };
        let _ = writeln!(text, "{}", style.paint(paint, &shown));
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n{}", legend(graph));
    let _ = writeln!(text, "{}", summary(graph));
    text + &silent(graph, style)
}

fn cells(edge: &Edge) -> [String; 8] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let count = |count: u64| if count == 0 { "-".to_owned() } else { count.to_string() };
    [
        edge.source.clone(),
        edge.destination.clone(),
        edge.security.word().to_owned(),
        or_dash(edge.mtls_share.map(percent)),
        or_dash(rate(edge)),
        count(edge.total.calls()),
        count(errors(edge)),
        count(edge.total.refused),
    ]
}

/// How wide each column is. Names that do not fit are cut; a name always keeps enough to be told from others.
fn widths(rows: &[[String; 8]], available: usize) -> [usize; 8] {
    const LEAST: usize = 12;
    let mut widths = HEADER.map(str::len);
    for row in rows {
        widths.iter_mut().zip(row).for_each(|(width, cell)| *width = (*width).max(cell.chars().count()));
    }
    let gaps = HEADER.len() * GAP.len() + 1;
    let fixed: usize = widths[NAMES..].iter().sum::<usize>() + gaps;
    let room = available.saturating_sub(fixed).max(NAMES * LEAST);
    if widths[0] + widths[1] > room {
        let first = widths[0].min((room / 2).max(room.saturating_sub(widths[1])));
        (widths[0], widths[1]) = (first, widths[1].min(room - first));
    }
    widths
}

fn line(mark: &str, cells: &[String; 8], widths: &[usize; 8]) -> String {
    let mut text = mark.to_owned();
    for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        let cell = cut(cell, width);
        let left = column <= NAMES;
        // Writing to a String cannot fail.
        let _ = if left { write!(text, "{GAP}{cell:width$}") } else { write!(text, "{GAP}{cell:>width$}") };
    }
    text.trim_end().to_owned()
}

/// The end of a name tells more than its beginning.
fn cut(text: &str, width: usize) -> String {
    let length = text.chars().count();
    match length > width {
        true => format!("…{}", text.chars().skip(length + 1 - width).collect::<String>()),
        false => text.to_owned(),
    }
}

fn legend(graph: &Graph) -> String {
    let meanings = [
        (&[Security::Mtls][..], "both ends say mTLS"),
        (&[Security::Unconfirmed, Security::Mixed], "one end says so, or not all is"),
        (&[Security::Tls, Security::Plaintext], "not mTLS"),
        (&[Security::Failed, Security::Refused], "no call got in"),
    ];
    let used = meanings.iter().filter(|(kinds, _)| graph.edges.iter().any(|edge| kinds.contains(&edge.security)));
    used.map(|(kinds, meaning)| format!("{} {meaning}", mark(kinds[0]))).collect::<Vec<_>>().join("  ")
}

/// Whose counts are missing.
fn silent(graph: &Graph, style: Style) -> String {
    if graph.silent.is_empty() {
        return String::new();
    }
    let text = format!("no answer from the proxies of {}: what they know is missing or old", graph.silent.join(", "));
    style.paint(Paint::Yellow, &text) + "\n"
}
