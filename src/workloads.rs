//! The bundled applications. They know nothing of the mesh.

pub mod curl;
pub mod httpbin;
pub mod openssl;
pub mod sleep;
mod tasks;
