//! The bundled applications. They know nothing of the mesh.

mod ask;
pub mod boards;
pub mod curl;
pub mod customers;
mod grpc;
pub mod hello;
pub mod hipster;
pub mod httpbin;
pub mod mongodb;
pub mod openssl;
mod pages;
pub mod redis;
mod server;
pub mod sleep;
mod tasks;
mod trace;
mod upstream;
