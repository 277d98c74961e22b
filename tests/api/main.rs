//! The embedded API server, through the clients that real users have: `kube::Client` and raw requests over HTTPS.

mod access;
mod apply;
mod custom;
mod delete;
mod kinds;
mod kubelet;
mod lists;
mod objects;
mod patches;
mod support;
mod tokens;
mod watches;
mod webhooks;
