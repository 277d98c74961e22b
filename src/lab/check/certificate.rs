//! The `certificate` check: which certificate a server, or a sidecar, presents.

use std::{fmt, str::FromStr, time::Duration};

use crate::{
    lab::{model::WorkloadName, position::Located},
    mesh::identity::SpiffeId,
};

/// The certificate of a workload, as whoever connects to its pods gets to see it.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// One line for people.
    pub title: String,
    /// Who connects: from its sidecar's container if it has one, because a sidecar's own traffic is not redirected.
    pub from: Located<WorkloadName>,
    /// Whose pods are asked.
    pub of: Located<WorkloadName>,
    /// Who the certificate must name; the workload's own service account if nothing is said.
    pub identity: Option<SpiffeId>,
    /// Which key it must be for, if that matters.
    pub key: Option<KeyType>,
    /// How much time it may have left at most, if that matters.
    pub lifetime: Option<Duration>,
}

/// The kind of a public key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyType {
    /// Elliptic curve, NIST P-256.
    EcdsaP256,
    /// Elliptic curve, NIST P-384.
    EcdsaP384,
    /// Edwards curve 25519.
    Ed25519,
    /// RSA with a modulus of so many bits.
    Rsa(usize),
}

/// How a lab file writes them.
pub const KEY_TYPES: &[&str] = &["ECDSA P-256", "ECDSA P-384", "Ed25519", "RSA 2048", "RSA 3072", "RSA 4096"];

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
        }
    }
}

/// The text is not a kind of key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a type of key")]
pub struct UnknownKeyType(pub String);

impl FromStr for KeyType {
    type Err = UnknownKeyType;

    fn from_str(text: &str) -> Result<Self, UnknownKeyType> {
        let kinds =
            [Self::EcdsaP256, Self::EcdsaP384, Self::Ed25519, Self::Rsa(2048), Self::Rsa(3072), Self::Rsa(4096)];
        kinds.into_iter().find(|kind| kind.to_string() == text).ok_or_else(|| UnknownKeyType(text.to_owned()))
    }
}
