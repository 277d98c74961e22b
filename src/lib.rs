//! `labctl`: declarative workshop labs that teach, verify and grade mutual TLS in a service mesh.
//!
//! Data flows one way: [`cli`] -> [`run`] -> [`probe`] and [`cluster`] -> `kube`. See `ARCHITECTURE.md`.

pub mod cli;
pub mod cluster;
pub mod embedded;
pub mod host;
pub mod image;
pub mod lab;
pub mod lint;
pub mod mesh;
pub mod probe;
pub mod programs;
pub mod render;
pub mod report;
pub mod run;
pub mod sidecar;
pub mod tap;
pub mod whole;
pub mod wire;
pub mod workloads;
