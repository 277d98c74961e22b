//! The one node of the embedded cluster: runs pods as tasks of this process, like a kubelet.
//!
//! Knows the API server through `kube::Client` only.

pub mod dns;
pub mod network;
pub(crate) mod sync;
