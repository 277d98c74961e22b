//! The server mode of a workload port.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a PeerAuthentication asks of inbound connections; `UNSET` is `None` until it is resolved.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// The sidecar passes bytes through; no TLS of the mesh.
    Disable,
    /// Mutual TLS and plaintext are both accepted.
    Permissive,
    /// Only mutual TLS is accepted.
    Strict,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disable => "DISABLE",
            Self::Permissive => "PERMISSIVE",
            Self::Strict => "STRICT",
        })
    }
}

/// The text is not the name of a mode.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a peer authentication mode (DISABLE, PERMISSIVE, STRICT)")]
pub struct UnknownMode(pub String);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        let mut modes = [Self::Disable, Self::Permissive, Self::Strict].into_iter();
        modes.find(|mode| mode.to_string() == text).ok_or_else(|| UnknownMode(text.to_owned()))
    }
}
