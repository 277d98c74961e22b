//! The whole thing on a cluster, through the public door: the binary, and a client such as kubectl's.
//!
//! Every test runs on the embedded cluster and, where `LABCTL_E2E_KUBECONFIG` names one, on a real cluster. There the
//! image with the bundled programs has to be loaded, under the name that `LABCTL_E2E_IMAGE` says or labctl's own.

mod by_hand;
mod bypass;
mod change;
mod injection;
mod interrupt;
mod manifests;
mod matrix;
mod probes;
mod refusals;
mod whole;

#[path = "../support/mod.rs"]
mod support;
