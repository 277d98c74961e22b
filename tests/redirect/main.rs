//! Redirection to a sidecar: the same table of cases in network namespaces of the kernel and in the virtual network, the
//! program `init`, `labctl sidecar rules`, and two sidecars with real redirection between them.
//!
//! What takes network namespaces of its own is left out, with a line that says so, where they are not to be had.

mod cases;
mod command_line;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod pair;
#[cfg(target_os = "linux")]
#[path = "../sidecar/pki.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod pki;
#[cfg(target_os = "linux")]
mod program;
mod virtual_network;
mod world;
