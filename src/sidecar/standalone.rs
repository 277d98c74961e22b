//! A sidecar without a mesh: explicit listeners and addresses from a file, in place of redirection and a control
//! plane. It wraps any two programs in mutual TLS, and is what the data path is measured with.

mod identity;
mod load;
pub mod model;
mod plan;
mod run;

use std::{io, net::SocketAddr, path::PathBuf};

pub use load::{Place, parse};
pub use run::run;

use crate::{mesh::identity::NotASpiffeId, sidecar::tls::TlsError};

/// Why a standalone sidecar cannot run.
#[derive(Debug, thiserror::Error)]
pub enum StandaloneError {
    /// The configuration says something that it cannot mean.
    #[error("{place}")]
    Config {
        /// What and where.
        place: Place,
    },
    /// A PEM file holds something else than it should.
    #[error("{}: {reason}", path.display())]
    Identity {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The certificate names no workload.
    #[error("{}: the certificate has no workload identity among its URI names: {error}", path.display())]
    NoIdentity {
        /// Which file.
        path: PathBuf,
        /// What it has instead.
        error: NotASpiffeId,
    },
    /// A port is taken, or an address is not ours.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The name of an upstream has no address.
    #[error("cannot resolve the upstream {name}: {error}")]
    Resolve {
        /// The name.
        name: String,
        /// Why not.
        error: io::Error,
    },
    /// A thread or runtime cannot be started.
    #[error("cannot start a worker: {0}")]
    Start(io::Error),
    /// The certificate, its key and the roots do not fit together.
    #[error("the identity cannot be used: {0}")]
    Tls(#[from] TlsError),
}
