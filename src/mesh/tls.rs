//! TLS between the agents and the control plane, and towards the API server. (TLS between workloads is the sidecar's.)

use std::{
    fmt,
    sync::{Arc, RwLock},
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};

use crate::sidecar::{config::Svid, tls::verify::ExpectedServer};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or key does not fit.
    #[error("unusable certificate or key: {0}")]
    Certificate(rustls::Error),
    /// Client certificates cannot be verified.
    #[error("unusable roots: {0}")]
    Roots(rustls::server::VerifierBuilderError),
}

/// The one implementation of cryptography that is used everywhere.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A client that trusts `roots` and shows `own`, if it has that; offers no protocols.
///
/// # Errors
/// [`TlsError::Certificate`].
pub fn client(roots: &[CertificateDer<'static>], own: Option<&Svid>) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Certificate)?
        .with_root_certificates(store(roots)?);
    match own {
        Some(svid) => {
            builder.with_client_auth_cert(svid.chain.clone(), svid.key.clone_key()).map_err(TlsError::Certificate)
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

/// A client that takes any certificate, for health checks of an application in the same pod, as the kubelet does.
///
/// # Errors
/// [`TlsError::Certificate`].
pub fn client_of_anybody() -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Certificate)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(ExpectedServer::anybody())).with_no_client_auth())
}

/// A server that shows `certificate`; a client may show one that `client_roots` vouch for, and need not.
///
/// # Errors
/// [`TlsError`].
pub fn server(
    certificate: Arc<ServerCertificate>,
    client_roots: &[CertificateDer<'static>],
) -> Result<ServerConfig, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store(client_roots)?), provider())
        .allow_unauthenticated()
        .build()
        .map_err(TlsError::Roots)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Certificate)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn store(roots: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).map_err(TlsError::Certificate)?;
    }
    Ok(store)
}

/// A server's certificate, which can be renewed while connections stand.
pub struct ServerCertificate(RwLock<Arc<CertifiedKey>>);

impl ServerCertificate {
    /// Takes the first certificate.
    ///
    /// # Errors
    /// [`TlsError::Certificate`] if the key cannot be used or is not the certificate's.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        Ok(Self(RwLock::new(certified(chain, key)?)))
    }

    /// Shows another certificate to everybody who connects from now on.
    ///
    /// # Errors
    /// As [`ServerCertificate::new`]; the old one stays then.
    pub fn renew(&self, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<(), TlsError> {
        *self.0.write().expect("nobody panics while holding it") = certified(chain, key)?;
        Ok(())
    }
}

fn certified(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<CertifiedKey>, TlsError> {
    CertifiedKey::from_der(chain, key, &provider()).map(Arc::new).map_err(TlsError::Certificate)
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().expect("nobody panics while holding it").clone())
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate").finish_non_exhaustive()
    }
}
