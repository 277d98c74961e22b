//! A small Kubernetes in this process: API server, controllers, one node. Knows nothing of labs and the mesh.

<<<<<<< HEAD
pub mod api;
pub mod auth;
pub mod objects;
pub mod store;
=======
pub(crate) mod informer;
pub mod node;
>>>>>>> h/node
