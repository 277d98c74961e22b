//! The embedded API server, through the clients that real users have: `kube::Client` and raw requests over HTTPS.

#![expect(clippy::needless_pass_by_value, reason = "objects of a test are written down where they are sent")]

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
mod tables;
mod tokens;
mod watches;
mod webhooks;
