//! The one node of the embedded cluster: runs pods as tasks of this process, like a kubelet.
//!
//! Knows the API server through `kube::Client` only.

pub mod dns;
mod env;
mod files;
pub mod images;
mod logs;
pub mod network;
mod pod_host;
mod process;
mod sources;
pub(crate) mod sync;
mod volumes;
