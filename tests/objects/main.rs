//! Kubernetes objects without a server: selectors, patches, server-side apply, schemas.

mod apply;
mod names;
mod patch;
mod schema;
mod selector;
