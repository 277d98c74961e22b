//! Each kind of check on a running cluster, red and green: on the embedded cluster and, where `LABCTL_E2E_KUBECONFIG`
//! names one, on a real cluster.

mod auth;
mod certificate;
mod edge;
mod graph;
mod lab;
mod steady;
mod wire;

#[path = "../support/mod.rs"]
mod support;
