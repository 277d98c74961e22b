//! The graph for Graphviz.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{amount, colour, picture, sentence, summary};
use crate::mesh::graph::{Edge, Graph, Node, NodeKind, Security};

/// Writes the graph in Graphviz's language.
pub fn dot(graph: &Graph) -> String {
    let mut text = format!("// {}\ndigraph mesh {{\n", summary(graph));
    text.push_str("  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    text.push_str("  edge [fontname=\"sans-serif\", fontsize=10];\n");
    let mut namespaces: BTreeMap<Option<&str>, Vec<&Node>> = BTreeMap::new();
    for node in &graph.nodes {
        namespaces.entry(node.namespace.as_deref()).or_default().push(node);
    }
    for (namespace, nodes) in namespaces {
        // Writing to a String cannot fail.
        let _ = match namespace {
            Some(name) => {
                writeln!(text, "  subgraph {} {{\n    label={};", quoted(&format!("cluster_{name}")), quoted(name))
            }
            None => Ok(()),
        };
        let indent = if namespace.is_some() { "    " } else { "  " };
        nodes.into_iter().for_each(|node| write_node(&mut text, node, indent));
        text.push_str(if namespace.is_some() { "  }\n" } else { "" });
    }
    graph.edges.iter().for_each(|edge| write_edge(&mut text, edge));
    text + "}\n"
}

fn write_node(text: &mut String, node: &Node, indent: &str) {
    let label = node.name.split_once('/').map_or(node.name.as_str(), |(_, name)| name);
    let style = if node.kind == NodeKind::Workload && node.proxied { "rounded" } else { "\"rounded,dashed\"" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{indent}{} [label={}, style={style}];", quoted(&node.name), quoted(label));
}

fn write_edge(text: &mut String, edge: &Edge) {
    let style = match edge.security {
        Security::Mtls => "solid",
        Security::Failed | Security::Refused => "dotted",
        _ => "dashed",
    };
    let label = quoted(&format!("{} {}\n{}", picture(edge.security), edge.security.word(), amount(edge)));
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "  {} -> {} [label={label}, tooltip={}, color=\"{}\", style={style}];",
        quoted(&edge.source),
        quoted(&edge.destination),
        quoted(&sentence(edge)),
        colour(edge.security),
    );
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n"))
}
