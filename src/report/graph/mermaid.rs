//! The graph for Mermaid, which draws in Markdown.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{amount, colour, picture, summary};
use crate::mesh::graph::{Edge, Graph, Node, NodeKind, Security};

/// Writes the graph as a flowchart.
pub fn mermaid(graph: &Graph) -> String {
    let mut text = format!(
        "---\ntitle: Service graph\n---\nflowchart LR\n  accTitle: Service graph\n  accDescr: {}\n",
        escaped(&summary(graph))
    );
    let numbers: BTreeMap<&str, usize> =
        graph.nodes.iter().enumerate().map(|(number, node)| (node.name.as_str(), number)).collect();
    let mut namespaces: BTreeMap<Option<&str>, Vec<(usize, &Node)>> = BTreeMap::new();
    for (number, node) in graph.nodes.iter().enumerate() {
        namespaces.entry(node.namespace.as_deref()).or_default().push((number, node));
    }
    for (place, (namespace, nodes)) in namespaces.into_iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = match namespace {
            Some(name) => writeln!(text, "  subgraph s{place}[\"{}\"]", escaped(name)),
            None => Ok(()),
        };
        let indent = if namespace.is_some() { "    " } else { "  " };
        nodes.into_iter().for_each(|(number, node)| write_node(&mut text, number, node, indent));
        text.push_str(if namespace.is_some() { "  end\n" } else { "" });
    }
    for edge in &graph.edges {
        write_edge(&mut text, edge, &numbers);
    }
    for (number, edge) in graph.edges.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  linkStyle {number} stroke:{}", colour(edge.security));
    }
    text
}

fn write_node(text: &mut String, number: usize, node: &Node, indent: &str) {
    let label = escaped(node.name.split_once('/').map_or(node.name.as_str(), |(_, name)| name));
    let (open, close) = if node.kind == NodeKind::Workload { ("[", "]") } else { ("([", "])") };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{indent}n{number}{open}\"{label}\"{close}");
}

fn write_edge(text: &mut String, edge: &Edge, numbers: &BTreeMap<&str, usize>) {
    let (Some(from), Some(to)) = (numbers.get(edge.source.as_str()), numbers.get(edge.destination.as_str())) else {
        return;
    };
    let line = if edge.security == Security::Mtls { "-->" } else { "-.->" };
    let label = escaped(&format!("{} {}, {}", picture(edge.security), edge.security.word(), amount(edge)));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  n{from} {line}|\"{label}\"| n{to}");
}

/// Mermaid's own way of writing characters that it would read.
fn escaped(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('\n', " ")
}
