//! Traffic from outside, through real sockets: Gateways, VirtualServices and the load balancer's address.
//!
//! Every test runs on the embedded cluster and, where `LABCTL_E2E_KUBECONFIG` names one, on a real cluster.

mod authority;
mod credential;
mod http;
mod mesh;
mod outside;
mod shop;
mod tls;

#[path = "../support/mod.rs"]
mod support;
