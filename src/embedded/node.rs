//! The one node of the embedded cluster: runs pods as tasks of this process, like a kubelet.
//!
//! Knows the API server through `kube::Client` only.

mod backoff;
mod container;
mod context;
pub mod dns;
mod env;
mod events;
mod files;
pub mod images;
mod logs;
pub mod network;
mod pod;
mod pod_host;
mod probes;
mod process;
mod report;
mod sources;
mod state;
mod status;
pub(crate) mod sync;
mod volumes;

/// The name of the node.
pub const NODE_NAME: &str = "labctl";
