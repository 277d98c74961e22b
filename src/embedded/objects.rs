//! What can be said about Kubernetes objects without a server: selectors, patches, server-side apply, schemas.
//!
//! Pure functions over `serde_json::Value`. Storage, requests and `Status` answers belong to the API server.

pub mod apply;
pub mod field_error;
pub mod names;
pub mod patch;
pub mod quantity;
pub mod schema;
pub mod selector;
pub mod shape;
