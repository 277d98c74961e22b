//! Transport security: the workload's identity compiled for rustls, and what a peer's certificate says.
//!
//! Sessions are not resumed, in either direction: a resumed session would carry over an identity that was checked
//! against older roots, names or dates. Every connection proves both sides afresh; connections are kept instead.

pub mod client;
pub mod credential;
pub mod failure;
pub mod files;
pub mod server;
pub mod verify;

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::CertificateDer,
    sign::{CertifiedKey, SingleCertAndKey},
};
use x509_parser::{extensions::GeneralName, prelude::FromDer as _};

use super::{config::Svid, xfcc};
use crate::mesh::identity::SpiffeId;

/// Protocols that only sidecars offer; their presence in a ClientHello means "this is the mesh".
pub const ISTIO_ALPN: [&[u8]; 5] =
    [b"istio", b"istio-peer-exchange", b"istio-http/1.0", b"istio-http/1.1", b"istio-h2"];
/// Those of them that say that HTTP is spoken inside.
pub const ISTIO_HTTP_ALPN: [&[u8]; 3] = [b"istio-http/1.0", b"istio-http/1.1", b"istio-h2"];

/// Why certificates or keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// What is named by `credentialName` is not what it should be.
    #[error("credential `{name}` cannot be used: {reason}")]
    Credential {
        /// Which one.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A file that a rule names.
    #[error("cannot use {}: {reason}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The key is another certificate's.
    #[error("the key does not belong to the certificate")]
    KeyMismatch,
    /// The name is neither a DNS name nor an address.
    #[error("`{0}` cannot be sent as a server name")]
    Name(String),
    /// What is named by `credentialName` is not there.
    #[error(
        "credential `{0}` was not found (make a Secret of this name in the namespace of the proxy's pod, and let a sidecar's service account list and watch it)"
    )]
    NoCredential(String),
    /// No roots of the system were found.
    #[error("no certificate authorities of the system were found (set caCertificates)")]
    NoSystemRoots,
    /// rustls refuses the certificate or the key.
    #[error("the certificate or its key cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
    /// The roots verify nobody.
    #[error("the roots cannot be used to verify clients: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// The one cryptography provider of this program.
pub fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    &PROVIDER
}

/// An SVID made ready for handshakes, once per renewal.
#[derive(Debug)]
pub struct Identity {
    /// What it was made from.
    pub svid: Arc<Svid>,
    certificate: Arc<SingleCertAndKey>,
    roots: Arc<RootCertStore>,
}

impl Identity {
    /// Loads the key and the roots.
    ///
    /// # Errors
    /// If rustls cannot use the key, the key does not fit the certificate, or a root is no certificate.
    pub fn new(svid: Arc<Svid>) -> Result<Self, TlsError> {
        let certificate = certified_key(svid.chain.clone(), svid.key.clone_key())?;
        let roots = Arc::new(root_store(&svid.roots)?);
        Ok(Self { svid, certificate, roots })
    }
}

fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
) -> Result<Arc<SingleCertAndKey>, TlsError> {
    match CertifiedKey::from_der(chain, key, provider()) {
        Ok(certified) => Ok(Arc::new(certified.into())),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::KeyMismatch),
        Err(error) => Err(error.into()),
    }
}

fn root_store(roots: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone())?;
    }
    Ok(store)
}

/// What a peer's certificate says about it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Peer {
    /// URI names.
    pub uris: Vec<String>,
    /// DNS names.
    pub dns: Vec<String>,
    /// The distinguished name; empty for workloads.
    pub subject: String,
    /// SHA-256 of the certificate, in lower-case hexadecimal.
    pub hash: String,
}

impl Peer {
    /// Reads a certificate; a part that cannot be read is left empty.
    pub fn new(certificate: &CertificateDer<'_>) -> Self {
        let mut peer = Self { hash: sha256_hex(certificate), ..Self::default() };
        if let Ok((_, parsed)) = x509_parser::certificate::X509Certificate::from_der(certificate) {
            peer.subject = parsed.subject().to_string();
            if let Ok(Some(names)) = parsed.subject_alternative_name() {
                peer.add_names(&names.value.general_names);
            }
        }
        peer
    }

    fn add_names(&mut self, names: &[GeneralName<'_>]) {
        for name in names {
            match name {
                GeneralName::DNSName(name) => self.dns.push((*name).to_owned()),
                GeneralName::URI(name) => self.uris.push((*name).to_owned()),
                _ => {}
            }
        }
    }

    /// The workload it is, if it is one.
    pub fn id(&self) -> Option<SpiffeId> {
        self.uris.iter().find_map(|uri| uri.parse().ok())
    }

    /// What the application is told about this client, called by `own`.
    pub fn xfcc(&self, own: &SpiffeId) -> xfcc::Element {
        xfcc::Element {
            by: vec![own.to_string()],
            hash: Some(self.hash.clone()),
            subject: Some(self.subject.clone()),
            uri: self.uris.clone(),
            dns: self.dns.clone(),
            ..xfcc::Element::default()
        }
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13().expect("the suite is one of TLS 1.3");
    let digest = suite.common.hash_provider.hash(bytes);
    digest.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_sha256() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn bytes_that_are_no_certificate_name_nobody() {
        let peer = Peer::new(&CertificateDer::from(vec![1, 2, 3]));
        assert_eq!((peer.id(), peer.uris.len()), (None, 0));
    }
}
