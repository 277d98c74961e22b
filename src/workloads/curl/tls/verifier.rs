//! Judges the server's certificate as curl does, and remembers the judgement even where it is waived (`-k`).

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::parse_x509_certificate;

/// What is wrong with a certificate.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// OpenSSL's number for it (`%{ssl_verify_result}`); 0 where only the name is wrong.
    pub(super) code: u32,
    /// curl's message.
    pub(super) message: String,
}

/// Where the judgement is left.
#[derive(Clone, Debug, Default)]
pub(super) struct Finding(Arc<Mutex<Option<Problem>>>);

impl Finding {
    pub(super) fn take(&self) -> Option<Problem> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, problem: Problem) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
    }
}

#[derive(Debug)]
pub(super) struct Verifier {
    /// `None` without anybody to trust.
    webpki: Option<Arc<WebPkiServerVerifier>>,
    trusted: Vec<CertificateDer<'static>>,
    insecure: bool,
    host: String,
    provider: Arc<CryptoProvider>,
    finding: Finding,
}

impl Verifier {
    pub(super) fn new(
        roots: RootCertStore,
        trusted: Vec<CertificateDer<'static>>,
        insecure: bool,
        host: String,
        provider: Arc<CryptoProvider>,
        finding: Finding,
    ) -> Self {
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().ok();
        Self { webpki, trusted, insecure, host, provider, finding }
    }

    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        if self.trusted.iter().any(|trusted| trusted == end_entity) {
            // Trusted by itself, even if it is a CA's certificate: that is how self-signed servers are set up.
            check_validity(end_entity, now)?;
            return verify_server_name(&ParsedCertificate::try_from(end_entity)?, name);
        }
        let unknown = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let webpki = self.webpki.as_ref().ok_or_else(unknown)?;
        webpki.verify_server_cert(end_entity, intermediates, name, ocsp, now).map(drop)
    }

    fn problem(&self, error: &Error, chain: &[&CertificateDer<'_>]) -> Problem {
        let Error::InvalidCertificate(error) = error else {
            return Problem { code: 1, message: format!("SSL certificate problem: {error}") };
        };
        let (code, words) = match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                let host = &self.host;
                let message = format!("SSL: no alternative certificate subject name matches target host name '{host}'");
                return Problem { code: 0, message };
            }
            CertificateError::BadSignature => (7, "certificate signature failure"),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                (9, "certificate is not yet valid")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => (10, "certificate has expired"),
            CertificateError::Revoked => (23, "certificate revoked"),
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                (26, "unsuitable certificate purpose")
            }
            _ => untrusted(chain),
        };
        Problem { code, message: format!("SSL certificate problem: {words}") }
    }
}

/// Why a chain leads to nobody we trust.
fn untrusted(chain: &[&CertificateDer<'_>]) -> (u32, &'static str) {
    let is_self_signed = |der: &CertificateDer<'_>| {
        parse_x509_certificate(der).is_ok_and(|(_, certificate)| certificate.subject() == certificate.issuer())
    };
    match chain {
        [only] if is_self_signed(only) => (18, "self-signed certificate"),
        [.., last] if is_self_signed(last) => (19, "self-signed certificate in certificate chain"),
        _ => (20, "unable to get local issuer certificate"),
    }
}

fn check_validity(der: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadEncoding);
    let (_, certificate) = parse_x509_certificate(der).map_err(|_| bad())?;
    let now = i64::try_from(now.as_secs()).map_err(|_| bad())?;
    let validity = certificate.validity();
    if now > validity.not_after.timestamp() {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    if now < validity.not_before.timestamp() {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    Ok(())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Err(error) = self.check(end_entity, intermediates, server_name, ocsp_response, now) {
            let chain: Vec<_> = std::iter::once(end_entity).chain(intermediates).collect();
            self.finding.put(self.problem(&error, &chain));
            if !self.insecure {
                // Whatever it was, it concerned the certificate.
                return Err(match error {
                    error @ Error::InvalidCertificate(_) => error,
                    _ => Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure),
                });
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
