//! The `graph` check: who called whom while the step was solved, and whether there is a lock on it.

use std::fmt;

use crate::{
    lab::model::WorkloadName,
    mesh::{graph::UNKNOWN, install::INGRESS_GATEWAY},
};

/// Edges that must be in the graph of the running mesh.
#[derive(Clone, Debug)]
pub struct Graph {
    /// One line for people.
    pub title: String,
    /// At least one.
    pub edges: Vec<Edge>,
}

/// Calls of one end to another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edge {
    /// Who calls.
    pub from: Node,
    /// Who is called.
    pub to: Node,
    /// What must be shown on it.
    pub lock: Lock,
}

/// An end of an edge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Node {
    /// `istio-ingressgateway`: the mesh's gateway.
    Gateway,
    /// `unknown`: callers that prove nothing.
    Unknown,
    /// A participant of the lab.
    Workload(WorkloadName),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => INGRESS_GATEWAY,
            Self::Unknown => UNKNOWN,
            Self::Workload(name) => &name.0,
        })
    }
}

/// Whether somebody on the way can read the calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lock {
    /// `closed`: all of them in mutual TLS, and both ends say so.
    Closed,
    /// `open`: all of them as they were written.
    Open,
}
