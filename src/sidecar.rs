//! The data plane: inbound and outbound. Knows nothing of Kubernetes.

pub mod access_log;
pub mod config;
