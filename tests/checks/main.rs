//! Each kind of check on a running cluster, red and green: on the embedded cluster and, where `LABCTL_E2E_KUBECONFIG`
//! names one, on a real cluster.

mod certificate;
mod edge;
mod lab;
mod wire;

#[path = "../support/mod.rs"]
mod support;
