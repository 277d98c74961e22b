//! Reads which edges must be in the graph.

use crate::{
    lab::{
        check::graph::{Edge, Graph, Lock, Node as End},
        fields::{Fields, collect, list, text},
        position::{Located, Span},
        problem::ProblemKind,
        read::Reader,
        yaml::Node,
    },
    mesh::{graph::UNKNOWN, install::INGRESS_GATEWAY},
};

impl Reader<'_> {
    pub(super) fn graph(&self, node: &Node, key: Span) -> Option<Graph> {
        let mut fields = Fields::open(self.problems, "a graph check", node)?.under(key);
        let title = fields.line("title", "one line for people");
        let edges = fields.required("edges", "[{from: ..., to: ..., lock: closed}]");
        fields.finish();
        let edges = list(self.problems, "edges", edges?)?;
        if edges.is_empty() {
            self.problems.add(key, ProblemKind::Empty("a graph check without `edges` expects nothing"));
            return None;
        }
        let edges: Option<Vec<Edge>> = collect(edges.iter().map(|edge| self.edge_of_graph(edge)));
        Some(Graph { title: title?.value, edges: edges? })
    }

    fn edge_of_graph(&self, node: &Node) -> Option<Edge> {
        let mut fields = Fields::open(self.problems, "an edge", node)?;
        let from = fields.required("from", "who calls").and_then(|node| self.end("from", node));
        let to = fields.required("to", "who is called").and_then(|node| Some((node.at, self.end("to", node)?)));
        let lock = fields.text("lock", "`closed` or `open`");
        fields.finish();
        let lock = lock.and_then(|lock| self.lock(&lock));
        if let Some((at, End::Unknown)) = to {
            self.problems.invalid(at, format!("`{UNKNOWN}` is who calls, never who is called"), None);
            return None;
        }
        Some(Edge { from: from?, to: to?.1, lock: lock? })
    }

    fn end(&self, key: &str, node: &Node) -> Option<End> {
        let name = text(self.problems, key, node)?;
        match name.as_str() {
            INGRESS_GATEWAY if self.has_gateway => Some(End::Gateway),
            INGRESS_GATEWAY => {
                let hint = Some("add `mesh: {gateway: true}` to `metadata`".to_owned());
                self.problems.invalid(name.at, "this lab has no gateway", hint);
                None
            }
            UNKNOWN => Some(End::Unknown),
            _ => {
                let ends = [INGRESS_GATEWAY, UNKNOWN].map(str::to_owned);
                self.participant(name, &ends).map(|name| End::Workload(name.value))
            }
        }
    }

    fn lock(&self, written: &Located<String>) -> Option<Lock> {
        match written.as_str() {
            "closed" => Some(Lock::Closed),
            "open" => Some(Lock::Open),
            other => {
                let hint = Some("write `closed` or `open`".to_owned());
                self.problems.invalid(written.at, format!("`{other}` is not how a lock can be"), hint);
                None
            }
        }
    }
}
