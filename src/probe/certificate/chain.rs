//! What a server presented, read and verified. Pure: every input is data.

use jiff::Timestamp;
use rustls::{
    RootCertStore,
    client::danger::ServerCertVerifier as _,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};
use x509_parser::{parse_x509_certificate, prelude::X509Certificate, public_key::PublicKey};

use crate::{
    lab::check::certificate::KeyType,
    sidecar::tls::{
        Peer,
        verify::{ExpectedServer, ServerNames},
    },
};

/// The certificates that a server presented, its own first.
#[derive(Clone, Debug)]
pub struct Chain(Vec<CertificateDer<'static>>);

/// What the server's own certificate says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Said {
    /// Names and fingerprint.
    pub peer: Peer,
    /// Who signed it, by name.
    pub issuer: String,
    /// What its key is, in words where a lab has none for it.
    pub key: String,
    /// From when on it is good.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

/// Nothing could be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ChainError {
    /// The bytes are no certificate.
    #[error("what the server presented cannot be read: {0}")]
    Unreadable(String),
    /// There are no bytes.
    #[error("the server presented no certificate")]
    Nothing,
}

impl Chain {
    /// Reads the certificates that `openssl s_client -showcerts` printed, whatever else stands there.
    ///
    /// # Errors
    /// [`ChainError::Nothing`], or [`ChainError::Unreadable`] for a block that is not base64.
    pub fn read(printed: &str) -> Result<Self, ChainError> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(printed.as_bytes()).collect();
        let all = all.map_err(|error| ChainError::Unreadable(error.to_string()))?;
        if all.is_empty() { Err(ChainError::Nothing) } else { Ok(Self(all)) }
    }

    /// What the first certificate says.
    ///
    /// # Errors
    /// [`ChainError::Unreadable`].
    pub fn said(&self) -> Result<Said, ChainError> {
        let own = &self.0[0];
        let (_, parsed) = parse_x509_certificate(own).map_err(|error| ChainError::Unreadable(error.to_string()))?;
        let time =
            |time: &x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MIN);
        Ok(Said {
            peer: Peer::new(own),
            issuer: parsed.issuer().to_string(),
            key: key(&parsed),
            not_before: time(&parsed.validity().not_before),
            not_after: time(&parsed.validity().not_after),
        })
    }

    /// Whether the chain leads to one of `roots` (PEM) at `now`; the error says why not.
    ///
    /// # Errors
    /// In words.
    pub fn verify(&self, roots: &str, now: Timestamp) -> Result<(), String> {
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(roots.as_bytes()) {
            let root = root.map_err(|error| format!("the root cannot be read: {error}"))?;
            store.add(root).map_err(|error| format!("the root cannot be used: {error}"))?;
        }
        let since = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or(0));
        let expected = ExpectedServer::new(Arc::new(store), ServerNames::Any);
        let nobody = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        let verified =
            expected.verify_server_cert(&self.0[0], &self.0[1..], &nobody, &[], UnixTime::since_unix_epoch(since));
        verified.map(drop).map_err(|error| error.to_string())
    }
}

/// The key's kind as labs write it, or what else is known of it.
fn key(certificate: &X509Certificate<'_>) -> String {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => KeyType::Rsa(key.key_size()).to_string(),
        Ok(PublicKey::EC(point)) => match point.key_size() {
            256 => KeyType::EcdsaP256.to_string(),
            384 => KeyType::EcdsaP384.to_string(),
            bits => format!("ECDSA with {bits} bits"),
        },
        Ok(_) if certificate.public_key().algorithm.algorithm == x509_parser::oid_registry::OID_SIG_ED25519 => {
            KeyType::Ed25519.to_string()
        }
        _ => format!("a key of kind {}", certificate.public_key().algorithm.algorithm),
    }
}
