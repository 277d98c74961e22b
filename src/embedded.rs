//! A small Kubernetes in this process: API server, controllers, one node. Knows nothing of labs and the mesh.

pub(crate) mod informer;
pub mod node;
