//! Who is let in, and whom we talk to: certificate verification by SPIFFE identity in place of DNS names.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{Peer, TlsError, provider};

/// A chain that verifies, but belongs to somebody else.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WrongPeer {
    /// The client is of a trust domain that we do not know.
    #[error("{} is not of a trusted domain ({})", who(.presented), .trusted.join(", "))]
    ForeignTrustDomain {
        /// The URI names of its certificate.
        presented: Vec<String>,
        /// Ours.
        trusted: Vec<String>,
    },
    /// The other side is not who it should be.
    #[error("{} is none of the expected {}", who(.presented), .expected.join(", "))]
    NotExpected {
        /// The names in its certificate.
        presented: Vec<String>,
        /// Whom the service may run as.
        expected: Vec<String>,
    },
}

fn who(names: &[String]) -> String {
    if names.is_empty() { "a certificate without names".to_owned() } else { names.join(", ") }
}

impl WrongPeer {
    /// rustls answers `Other` with the alert `certificate_unknown`, as Envoy does.
    fn into_error(self) -> Error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(self))))
    }
}

/// Calls a certificate that another authority of the same name has signed what it is. All self-signed roots of one
/// trust domain have one name, and webpki then complains of the signature.
fn unknown_issuer(error: Error) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => CertificateError::UnknownIssuer.into(),
        other => other,
    }
}

/// Lets in clients whose chain ends at one of the roots, and who have a name that is let in.
pub struct VerifiedClients {
    chain: Arc<dyn ClientCertVerifier>,
    names: ClientNames,
}

/// Which names a client's certificate must have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClientNames {
    /// Any name.
    Any,
    /// One of these, exactly.
    OneOf(Vec<String>),
    /// A SPIFFE ID of one of these trust domains.
    TrustDomains(Vec<String>),
}

impl VerifiedClients {
    /// Clients of the mesh.
    ///
    /// # Errors
    /// If there are no roots.
    pub fn of_mesh(roots: Arc<RootCertStore>, trust_domains: &[String]) -> Result<Self, TlsError> {
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider().clone());
        // Workloads have one certificate: naming the roots would only make the handshake longer.
        let chain = builder.clear_root_hint_subjects().build()?;
        Ok(Self { chain, names: ClientNames::TrustDomains(trust_domains.to_vec()) })
    }

    /// Clients from elsewhere; with `optional` they may have no certificate at all.
    ///
    /// # Errors
    /// If there are no roots.
    pub fn of_roots(roots: Arc<RootCertStore>, optional: bool, names: ClientNames) -> Result<Self, TlsError> {
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider().clone());
        let builder = if optional { builder.allow_unauthenticated() } else { builder };
        Ok(Self { chain: builder.build()?, names })
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), WrongPeer> {
        match &self.names {
            ClientNames::Any => Ok(()),
            ClientNames::OneOf(expected) => one_of(certificate, expected),
            ClientNames::TrustDomains(trusted) => {
                let presented = Peer::new(certificate).uris;
                match presented.iter().any(|uri| is_of(trusted, uri)) {
                    true => Ok(()),
                    false => Err(WrongPeer::ForeignTrustDomain { presented, trusted: trusted.clone() }),
                }
            }
        }
    }
}

fn is_of(trust_domains: &[String], uri: &str) -> bool {
    let rest = uri.strip_prefix("spiffe://").unwrap_or_default();
    trust_domains.iter().any(|domain| rest.strip_prefix(domain.as_str()).is_some_and(|id| id.starts_with('/')))
}

fn one_of(certificate: &CertificateDer<'_>, expected: &[String]) -> Result<(), WrongPeer> {
    let peer = Peer::new(certificate);
    let presented: Vec<String> = peer.uris.into_iter().chain(peer.dns).collect();
    match presented.iter().any(|name| expected.contains(name)) {
        true => Ok(()),
        false => Err(WrongPeer::NotExpected { presented, expected: expected.to_vec() }),
    }
}

impl fmt::Debug for VerifiedClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedClients").field("names", &self.names).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for VerifiedClients {
    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(certificate, intermediates, now).map_err(unknown_issuer)?;
        self.check(certificate).map_err(WrongPeer::into_error)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Which names a server's certificate must have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerNames {
    /// Any name: no account of the service is known.
    Any,
    /// One of these, exactly.
    OneOf(Vec<String>),
    /// The name that the connection is made to, as on the web.
    ServerName,
}

/// Accepts servers whose chain ends at one of the roots and who have an expected name.
#[derive(Debug)]
pub struct ExpectedServer {
    roots: Option<Arc<RootCertStore>>,
    names: ServerNames,
}

impl ExpectedServer {
    /// Expects `names` under `roots`.
    pub fn new(roots: Arc<RootCertStore>, names: ServerNames) -> Self {
        Self { roots: Some(roots), names }
    }

    /// Expects nobody in particular: any certificate will do whose key the server has.
    pub fn anybody() -> Self {
        Self { roots: None, names: ServerNames::Any }
    }
}

impl ServerCertVerifier for ExpectedServer {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let algorithms = provider().signature_verification_algorithms.all;
        if let Some(roots) = &self.roots {
            verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)
                .map_err(unknown_issuer)?;
        }
        match &self.names {
            ServerNames::Any => {}
            ServerNames::ServerName => verify_server_name(&parsed, server_name)?,
            ServerNames::OneOf(expected) => one_of(certificate, expected).map_err(WrongPeer::into_error)?,
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
