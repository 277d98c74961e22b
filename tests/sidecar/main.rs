//! The sidecar on real sockets: in this process on a small network of its own, and as real processes.

mod admission;
mod app;
mod client;
mod clients;
mod http;
mod metrics;
mod net;
mod nonsense;
mod pki;
mod process;
mod renewal;
mod standalone;
mod tcp;
mod world;
