//! The mesh's certificate authority: one self-signed root that signs the keys of workloads.
//!
//! Knows no network and no Kubernetes; who may have which identity is decided by its caller.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SubjectPublicKeyInfo,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, pem::PemObject};
use x509_parser::{certification_request::X509CertificationRequest, prelude::FromDer};

use super::identity::SpiffeId;

/// How long a workload's certificate is good for (Istio's `SECRET_TTL`).
pub const WORKLOAD_LIFETIME: Duration = Duration::from_hours(24);
/// The longest life anybody gets, whatever is asked for.
pub const LONGEST_LIFETIME: Duration = Duration::from_hours(24 * 90);
/// How far back a certificate's validity starts, for peers whose clocks are behind.
const BACKDATE: Duration = Duration::from_mins(2);
/// How long a self-signed root is good for: ten years.
const ROOT_LIFETIME: Duration = Duration::from_hours(24 * 365 * 10);

/// A root certificate and its key, which together sign workload certificates.
pub struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    root_pem: String,
    not_after: Timestamp,
}

/// A certificate that was just signed.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate, PEM.
    pub certificate: String,
    /// When it ends.
    pub not_after: Timestamp,
}

/// Why a root could not be made or used, or a certificate not be signed.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The root's time is over.
    #[error("the mesh root expired at {0}; delete Secret istio-ca-secret and restart the control plane")]
    Expired(Timestamp),
    /// The key is not the one in the certificate.
    #[error("the mesh root's certificate and key do not belong together")]
    KeyMismatch,
    /// The stored certificate may not sign others.
    #[error("the mesh root's certificate is not that of a certificate authority")]
    NotAnAuthority,
    /// The request is not PEM of a certificate signing request.
    #[error("not a certificate signing request: {0}")]
    Request(String),
    /// The request is not signed by the key it wants certified.
    #[error("the certificate signing request is not signed by its own key")]
    RequestSignature,
    /// The stored certificate or key cannot be read.
    #[error("the mesh root cannot be read: {0}")]
    Root(String),
    /// Signing failed.
    #[error("cannot sign: {0}")]
    Sign(rcgen::Error),
}

impl CertificateAuthority {
    /// Makes a self-signed root (ECDSA P-256, ten years, `O` = trust domain).
    ///
    /// # Errors
    /// [`CaError::Sign`] if no key could be made.
    pub fn generate(trust_domain: &str, now: Timestamp) -> Result<Self, CaError> {
        let key = KeyPair::generate().map_err(CaError::Sign)?;
        let mut params = valid(now, now + ROOT_LIFETIME);
        params.distinguished_name.push(DnType::OrganizationName, trust_domain);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = params.self_signed(&key).map_err(CaError::Sign)?;
        Self::load(&root.pem(), &key.serialize_pem(), now)
    }

    /// Takes up a root that was stored as PEM.
    ///
    /// # Errors
    /// [`CaError::Root`], [`CaError::KeyMismatch`], [`CaError::NotAnAuthority`] or [`CaError::Expired`].
    pub fn load(certificate_pem: &str, key_pem: &str, now: Timestamp) -> Result<Self, CaError> {
        let root = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|error| CaError::Root(error.to_string()))?;
        let key = KeyPair::from_pem(key_pem).map_err(|error| CaError::Root(error.to_string()))?;
        let (_, parsed) =
            x509_parser::parse_x509_certificate(&root).map_err(|error| CaError::Root(error.to_string()))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(CaError::KeyMismatch);
        }
        if !parsed.is_ca() {
            return Err(CaError::NotAnAuthority);
        }
        let not_after = timestamp(parsed.validity().not_after.timestamp());
        if not_after <= now {
            return Err(CaError::Expired(not_after));
        }
        let issuer = Issuer::from_ca_cert_der(&root, key).map_err(|error| CaError::Root(error.to_string()))?;
        Ok(Self { issuer, root_pem: certificate_pem.to_owned(), not_after, root })
    }

    /// Certifies that the key of the request `csr` (PEM) is that of `id`.
    ///
    /// Only the key is taken from the request: whatever names or usages it asks for are ignored.
    ///
    /// # Errors
    /// [`CaError::Request`], [`CaError::RequestSignature`], [`CaError::Expired`] or [`CaError::Sign`].
    pub fn sign(&self, csr: &str, id: &SpiffeId, lifetime: Duration, now: Timestamp) -> Result<Issued, CaError> {
        let uri = id.to_string().try_into().map_err(CaError::Sign)?;
        self.issue(&requested_key(csr)?, vec![SanType::URI(uri)], lifetime, now)
    }

    /// Certifies `key` as that of a server which is reached by `names` (the control plane itself).
    ///
    /// # Errors
    /// [`CaError::Expired`] or [`CaError::Sign`].
    pub fn sign_server(
        &self,
        key: &impl PublicKeyData,
        names: &[String],
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Issued, CaError> {
        let names = names.iter().map(|name| Ok(SanType::DnsName(name.clone().try_into()?)));
        self.issue(key, names.collect::<Result<_, _>>().map_err(CaError::Sign)?, lifetime, now)
    }

    /// The root certificate, PEM.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The root certificate.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// When the root certificate ends.
    pub fn expires(&self) -> Timestamp {
        self.not_after
    }

    /// The root's key as PEM, to be stored and nothing else.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    fn issue(
        &self,
        key: &impl PublicKeyData,
        names: Vec<SanType>,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Issued, CaError> {
        if self.not_after <= now {
            return Err(CaError::Expired(self.not_after));
        }
        let not_after = (now + lifetime.min(LONGEST_LIFETIME)).min(self.not_after);
        let mut params = valid(now - BACKDATE, not_after);
        params.subject_alt_names = names;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(key, &self.issuer).map_err(CaError::Sign)?;
        Ok(Issued { certificate: certificate.pem(), not_after })
    }
}

/// Parameters with just a validity and an empty subject.
fn valid(not_before: Timestamp, not_after: Timestamp) -> CertificateParams {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = |when: Timestamp| epoch + Duration::from_secs(u64::try_from(when.as_second()).unwrap_or_default());
    let mut params = CertificateParams::default();
    params.not_before = at(not_before);
    params.not_after = at(not_after);
    params.distinguished_name = DistinguishedName::new();
    params
}

/// The key a request wants certified, once the request proves that its sender holds it.
fn requested_key(csr: &str) -> Result<SubjectPublicKeyInfo, CaError> {
    let der = CertificateSigningRequestDer::from_pem_slice(csr.as_bytes())
        .map_err(|error| CaError::Request(error.to_string()))?;
    let (_, request) = X509CertificationRequest::from_der(&der).map_err(|error| CaError::Request(error.to_string()))?;
    request.verify_signature().map_err(|_| CaError::RequestSignature)?;
    SubjectPublicKeyInfo::from_der(request.certification_request_info.subject_pki.raw)
        .map_err(|error| CaError::Request(error.to_string()))
}

/// X.509 times have no fractions and lie well inside what a [`Timestamp`] can hold.
fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use x509_parser::{extensions::GeneralName, prelude::X509Certificate};

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn authority() -> CertificateAuthority {
        CertificateAuthority::generate("cluster.local", NOW).unwrap()
    }

    fn request(params: &CertificateParams, key: &KeyPair) -> String {
        params.serialize_request(key).unwrap().pem().unwrap()
    }

    fn parsed<R>(pem: &str, read: impl FnOnce(&X509Certificate<'_>) -> R) -> R {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        read(&x509_parser::parse_x509_certificate(&der).unwrap().1)
    }

    #[test]
    fn workload_certificate_is_istios() {
        let key = KeyPair::generate().unwrap();
        let mut greedy = CertificateParams::new(vec!["kubernetes.default.svc".to_owned()]).unwrap();
        greedy.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let id = SpiffeId::new("cluster.local", "foo", "sleep");
        let issued = authority().sign(&request(&greedy, &key), &id, WORKLOAD_LIFETIME, NOW).unwrap();
        assert_eq!(issued.not_after, NOW + WORKLOAD_LIFETIME);
        parsed(&issued.certificate, |certificate| {
            assert_eq!(certificate.subject().to_string(), "");
            assert_eq!(certificate.public_key().raw, key.subject_public_key_info());
            let names = certificate.subject_alternative_name().unwrap().unwrap();
            assert!(names.critical);
            assert_eq!(names.value.general_names, [GeneralName::URI("spiffe://cluster.local/ns/foo/sa/sleep")]);
            assert!(!certificate.is_ca());
            let usage = certificate.key_usage().unwrap().unwrap().value;
            assert_eq!(usage.to_string(), "Digital Signature, Key Encipherment");
            let extended = certificate.extended_key_usage().unwrap().unwrap().value;
            assert!(extended.server_auth && extended.client_auth && !extended.any);
            assert_eq!(certificate.validity().not_before.timestamp(), NOW.as_second() - 120);
            assert_eq!(certificate.validity().not_after.timestamp(), NOW.as_second() + 24 * 3600);
        });
    }

    #[test]
    fn a_stored_root_signs_as_before() {
        let first = authority();
        let again = CertificateAuthority::load(first.root_pem(), &first.key_pem(), NOW).unwrap();
        let key = KeyPair::generate().unwrap();
        let csr = request(&CertificateParams::default(), &key);
        let issued = again.sign(&csr, &SpiffeId::new("td", "a", "b"), WORKLOAD_LIFETIME, NOW).unwrap();
        let root = CertificateDer::from_pem_slice(first.root_pem().as_bytes()).unwrap();
        let (_, root) = x509_parser::parse_x509_certificate(&root).unwrap();
        parsed(&issued.certificate, |leaf| leaf.verify_signature(Some(root.public_key())).unwrap());
        assert_eq!(root.subject().to_string(), "O=cluster.local");
        assert_eq!(root.validity().not_after.timestamp() - NOW.as_second(), 10 * 365 * 24 * 3600);
    }

    #[test]
    fn life_is_clamped() {
        let csr = request(&CertificateParams::default(), &KeyPair::generate().unwrap());
        let id = SpiffeId::new("td", "a", "b");
        let root = authority();
        let years = root.sign(&csr, &id, LONGEST_LIFETIME * 8, NOW).unwrap();
        assert_eq!(years.not_after, NOW + LONGEST_LIFETIME);
        let late = NOW + ROOT_LIFETIME - Duration::from_hours(1);
        assert_eq!(root.sign(&csr, &id, WORKLOAD_LIFETIME, late).unwrap().not_after, NOW + ROOT_LIFETIME);
    }

    #[test]
    fn refusals_say_why() {
        let root = authority();
        let id = SpiffeId::new("td", "a", "b");
        let sign = |csr: &str, now| root.sign(csr, &id, WORKLOAD_LIFETIME, now).unwrap_err().to_string();
        let good = request(&CertificateParams::default(), &KeyPair::generate().unwrap());
        insta::assert_snapshot!(sign("hello", NOW), @"not a certificate signing request: no items found");
        insta::assert_snapshot!(sign(&forged(), NOW), @"the certificate signing request is not signed by its own key");
        insta::assert_snapshot!(sign(&good, NOW + ROOT_LIFETIME), @"the mesh root expired at 2037-01-12T08:00:00Z; delete Secret istio-ca-secret and restart the control plane");
        let load = |certificate: &str, key: &str| {
            CertificateAuthority::load(certificate, key, NOW).err().expect("it is refused").to_string()
        };
        insta::assert_snapshot!(load("", ""), @"the mesh root cannot be read: no items found");
        insta::assert_snapshot!(load(root.root_pem(), &authority().key_pem()), @"the mesh root's certificate and key do not belong together");
        let key = KeyPair::generate().unwrap();
        let leaf = root.sign_server(&key, &["a.b".to_owned()], WORKLOAD_LIFETIME, NOW).unwrap();
        insta::assert_snapshot!(load(&leaf.certificate, &key.serialize_pem()), @"the mesh root's certificate is not that of a certificate authority");
    }

    /// A request whose key was exchanged after it was signed.
    fn forged() -> String {
        let keys = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
        let request = CertificateParams::default().serialize_request(&keys[0]).unwrap();
        let mut der = request.der().to_vec();
        let at = der.windows(65).position(|window| window == keys[0].public_key_raw()).unwrap();
        der[at..at + 65].copy_from_slice(keys[1].public_key_raw());
        use base64::Engine;
        let base64 = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{base64}\n-----END CERTIFICATE REQUEST-----\n")
    }
}
