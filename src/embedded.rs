//! A small Kubernetes in this process: API server, controllers, one node. Knows nothing of labs and the mesh.

pub mod api;
pub mod auth;
pub mod controllers;
pub(crate) mod events;
pub(crate) mod informer;
pub mod machinery;
pub mod node;
pub mod objects;
pub mod store;
