//! The data plane: inbound, outbound, gateway. Knows nothing of Kubernetes.
//!
//! [`serve`] runs a sidecar whose configuration and identity come through `watch` channels; who fills them (the
//! mesh's control plane, or files) is not its business. A connection goes through the same phases either way:
//! accept, sniff, decide (inbound by the port's mode, outbound by what was dialled), secure, forward.

pub mod access_log;
mod admin;
pub mod config;
mod engine;
mod facts;
pub mod failure;
mod forward;
mod gateway;
mod http;
mod inbound;
mod limits;
mod outbound;
pub mod relay;
mod routing;
mod serve;
mod snapshot;
pub mod sniff;
pub mod standalone;
pub mod stream;
pub mod tasks;
pub mod telemetry;
pub mod tls;
mod upstream;
pub mod xfcc;

pub use admin::AppHealth;
pub(crate) use inbound::source_to;
pub use serve::{Options, ServeError, serve, serve_gateway};
