//! `labctl image` through the binary: what is in the archive, who reads it, who is refused, and a registry.

mod alone;
mod archive;
mod elf;
mod push;
mod refused;
mod registry;
mod support;
mod tools;
