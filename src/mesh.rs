//! The service mesh: resource types, policy resolution (pure), identity, CA, control plane, injection.
//!
//! Knows nothing of labs. The data plane is [`crate::sidecar`].

pub mod agent;
pub mod ca;
pub mod config;
pub mod control_plane;
pub mod distribute;
pub mod explain;
pub mod gather;
pub mod graph;
pub mod identity;
pub mod init;
pub mod inject;
pub mod install;
pub mod migrate;
pub mod mode;
pub mod policy;
pub mod registry;
pub mod resources;
pub mod retry;
pub mod snapshot;
pub mod svid;
mod tls;
pub mod validate;
