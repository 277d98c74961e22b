//! The cluster's own certificates: one authority, the server's certificate, client certificates for users.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::auth::User;

/// The names by which programs know the API server.
const SERVER_NAMES: &[&str] = &[
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
];
/// The addresses by which programs know the API server: from outside, and from pods.
const SERVER_ADDRESSES: &[Ipv4Addr] = &[Ipv4Addr::LOCALHOST, Ipv4Addr::new(10, 96, 0, 1)];

const HOUR: u64 = 60 * 60;
const YEAR: u64 = 365 * 24 * HOUR;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A certificate could not be made.
    #[error("a certificate of the embedded cluster could not be made")]
    Issue(#[from] rcgen::Error),
    /// TLS does not take the certificates.
    #[error("TLS does not take the certificates of the embedded cluster")]
    Tls(#[from] rustls::Error),
    /// Client certificates could not be checked.
    #[error("client certificates of the embedded cluster could not be checked")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// A certificate and its key, as PEM text.
pub struct Credentials {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// The authority that everybody in the cluster trusts.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    /// Makes a new authority.
    ///
    /// # Errors
    /// If the system has no randomness to offer.
    pub fn new() -> Result<Self, PkiError> {
        let mut params = params("kubernetes", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// The authority's certificate, as PEM text.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Makes a certificate by which a user is known: the common name is the user's, the organisation is the group.
    ///
    /// # Errors
    /// If the system has no randomness to offer.
    pub fn credentials(&self, user: &str, group: Option<&str>) -> Result<Credentials, PkiError> {
        let mut params = params(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Credentials { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// How the API server speaks TLS: with a certificate for all its names, and asking for its clients'.
    ///
    /// # Errors
    /// If the system has no randomness to offer.
    pub fn server_config(&self) -> Result<ServerConfig, PkiError> {
        let mut params = params("kube-apiserver", None);
        for &name in SERVER_NAMES {
            params.subject_alt_names.push(SanType::DnsName(name.try_into()?));
        }
        let addresses = SERVER_ADDRESSES.iter().map(|&address| SanType::IpAddress(IpAddr::V4(address)));
        params.subject_alt_names.extend(addresses);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone())?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// A certificate for nobody yet, valid for a year.
fn params(common: &str, organisation: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    if let Some(organisation) = organisation {
        name.push(DnType::OrganizationName, organisation);
    }
    name.push(DnType::CommonName, common);
    params.distinguished_name = name;
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    // Clocks of other programs may be a little behind.
    params.not_before = epoch + Duration::from_secs(now.saturating_sub(HOUR));
    params.not_after = epoch + Duration::from_secs(now + YEAR);
    params
}

/// The user that a client certificate, which has been verified, names.
pub fn user_of(certificate: &CertificateDer<'_>) -> Option<User> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?;
    let groups: Vec<&str> = subject.iter_organization().filter_map(|group| group.as_str().ok()).collect();
    Some(User::new(name, &groups))
}
