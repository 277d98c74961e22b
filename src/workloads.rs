//! The bundled applications. They know nothing of the mesh.

pub mod httpbin;
pub mod sleep;
mod tasks;
