//! A workload's own certificate: the key and the request for it, its life, its renewal at half of that.
//!
//! How a request reaches the authority is the caller's business ([`crate::mesh::agent`]).

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};

use super::identity::SpiffeId;
use crate::sidecar::config::Svid;

/// The share of its life after which a certificate is renewed (Istio's `SECRET_GRACE_PERIOD_RATIO`).
const RENEWAL_RATIO: f64 = 0.5;
/// How far renewals scatter around that, so that sidecars which started together do not ask together.
const RENEWAL_JITTER: f64 = 0.01;
/// How soon a certificate is renewed at the earliest, unless so little of its life is left that half of that is sooner.
const SOONEST_RENEWAL: Duration = Duration::from_mins(1);
/// How soon even then.
const NEVER_SOONER: Duration = Duration::from_secs(1);
/// How often a waiting renewal looks at the clock: a laptop that slept must not miss its time.
const CLOCK_CHECK: Duration = Duration::from_mins(1);

/// A fresh key and the request to certify it. The key never leaves this process.
pub struct Request {
    key: KeyPair,
    /// The certificate signing request, PEM.
    pub pem: String,
}

/// Why a certificate could not be asked for, or the answer not be used.
#[derive(Debug, thiserror::Error)]
pub enum SvidError {
    /// No key or request could be made.
    #[error("cannot make a key: {0}")]
    Key(rcgen::Error),
    /// The answer holds no certificate, or text that is none.
    #[error("the answer holds no usable certificate: {0}")]
    Malformed(String),
    /// The certificate is about another key.
    #[error("the certificate is not for the key it was asked for")]
    OtherKey,
    /// The certificate names nobody of a mesh.
    #[error("the certificate names no workload identity")]
    NoIdentity,
}

impl Request {
    /// Makes a key (ECDSA P-256) and a request that names `id`.
    ///
    /// The authority decides by itself who we are; the name is there for people who read requests.
    ///
    /// # Errors
    /// [`SvidError::Key`].
    pub fn new(id: &SpiffeId) -> Result<Self, SvidError> {
        let key = KeyPair::generate().map_err(SvidError::Key)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![SanType::URI(id.to_string().try_into().map_err(SvidError::Key)?)];
        let pem = params.serialize_request(&key).and_then(|request| request.pem()).map_err(SvidError::Key)?;
        Ok(Self { key, pem })
    }

    /// Joins the key with the certificates the authority answered (PEM chain, leaf first; PEM roots).
    ///
    /// # Errors
    /// [`SvidError::Malformed`], [`SvidError::OtherKey`] or [`SvidError::NoIdentity`].
    pub fn complete(self, chain: &str, roots: &str) -> Result<Svid, SvidError> {
        let (chain, roots) = (certificates(chain)?, certificates(roots)?);
        let leaf = parse(&chain[0])?;
        if leaf.public_key().raw != rcgen::PublicKeyData::subject_public_key_info(&self.key) {
            return Err(SvidError::OtherKey);
        }
        let id = identity(&chain[0]).ok_or(SvidError::NoIdentity)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        Ok(Svid { id, chain, key: Arc::new(key), roots })
    }
}

/// From when to when a certificate is good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// Its first second.
    pub not_before: Timestamp,
    /// Its last second.
    pub not_after: Timestamp,
}

impl Validity {
    /// Reads the validity of a certificate.
    ///
    /// # Errors
    /// [`SvidError::Malformed`] if it is not one.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, SvidError> {
        let certificate = parse(certificate)?;
        let at = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).map_err(|error| SvidError::Malformed(error.to_string()))
        };
        let validity = certificate.validity();
        Ok(Self { not_before: at(validity.not_before)?, not_after: at(validity.not_after)? })
    }

    /// When to renew: at half of the life, moved by up to a hundredth of it; `chance` is from 0 to 1.
    ///
    /// Never at once: an authority that is about to end issues certificates that are past their half already.
    pub fn renewal(&self, now: Timestamp, chance: f64) -> Timestamp {
        let life = self.not_after.duration_since(self.not_before).as_secs_f64().max(0.0);
        let share = RENEWAL_RATIO + RENEWAL_JITTER * (2.0 * chance.clamp(0.0, 1.0) - 1.0);
        let left = Duration::try_from(self.not_after.duration_since(now)).unwrap_or_default();
        let soonest = (left / 2).clamp(NEVER_SOONER, SOONEST_RENEWAL);
        (self.not_before + Duration::from_secs_f64(life * share)).max(now + soonest)
    }
}

/// Waits until `clock` shows `deadline`, also if the machine slept in between.
pub async fn wait_until(deadline: Timestamp, clock: impl Fn() -> Timestamp) {
    while let Ok(left) = Duration::try_from(deadline.duration_since(clock())) {
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(CLOCK_CHECK)).await;
    }
}

/// The one workload identity a certificate names, if it names just that.
pub fn identity(certificate: &CertificateDer<'_>) -> Option<SpiffeId> {
    use x509_parser::extensions::GeneralName;
    let certificate = parse(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    match names.value.general_names[..] {
        [GeneralName::URI(uri)] => uri.parse().ok(),
        _ => None,
    }
}

/// All certificates of a PEM text; never an empty list.
///
/// # Errors
/// [`SvidError::Malformed`] if there is none, or one of them is damaged.
pub fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, SvidError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| SvidError::Malformed(error.to_string()))?;
    if found.is_empty() { Err(SvidError::Malformed("it is empty".to_owned())) } else { Ok(found) }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<x509_parser::certificate::X509Certificate<'a>, SvidError> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).map_err(|error| SvidError::Malformed(error.to_string()))?;
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::mesh::ca::{CertificateAuthority, WORKLOAD_LIFETIME};

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    #[test]
    fn request_and_answer_make_an_svid() {
        let id = SpiffeId::new("cluster.local", "foo", "sleep");
        let root = CertificateAuthority::generate("cluster.local", NOW).unwrap();
        let [ours, theirs] = [Request::new(&id).unwrap(), Request::new(&id).unwrap()];
        let issued = root.sign(&ours.pem, &id, WORKLOAD_LIFETIME, NOW).unwrap();
        let error = theirs.complete(&issued.certificate, root.root_pem()).unwrap_err();
        insta::assert_snapshot!(error, @"the certificate is not for the key it was asked for");
        let svid = ours.complete(&issued.certificate, root.root_pem()).unwrap();
        assert_eq!(svid.id, id);
        assert_eq!(svid.roots, [root.root().clone()]);
        let life = Validity::of(&svid.chain[0]).unwrap();
        assert_eq!(life.not_after, NOW + WORKLOAD_LIFETIME);
    }

    #[test]
    fn useless_answers_are_refused() {
        let id = SpiffeId::new("td", "a", "b");
        let refused = |chain: &str| Request::new(&id).unwrap().complete(chain, chain).unwrap_err().to_string();
        insta::assert_snapshot!(refused(""), @"the answer holds no usable certificate: it is empty");
    }

    #[test]
    fn renewal_is_at_half_of_the_life() {
        let life = Validity { not_before: NOW, not_after: NOW + Duration::from_secs(1000) };
        assert_eq!(life.renewal(NOW, 0.5), NOW + Duration::from_secs(500));
        assert_eq!(life.renewal(NOW, 0.0), NOW + Duration::from_secs(490));
        assert_eq!(life.renewal(NOW, 7.0), NOW + Duration::from_secs(510));
        let late = NOW + Duration::from_secs(900);
        assert_eq!(life.renewal(late, 0.5), late + Duration::from_secs(50));
        let last = NOW + Duration::from_secs(999);
        assert_eq!(life.renewal(last, 0.5), last + NEVER_SOONER);
        let day = Validity { not_before: NOW, not_after: NOW + Duration::from_hours(24) };
        let evening = NOW + Duration::from_hours(18);
        assert_eq!(day.renewal(evening, 0.5), evening + SOONEST_RENEWAL);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_when_the_clock_says_so() {
        let start = Instant::now();
        wait_until(NOW + Duration::from_hours(12), || NOW + start.elapsed()).await;
        assert_eq!(start.elapsed(), Duration::from_hours(12));
        wait_until(NOW, || NOW + start.elapsed()).await;
        assert_eq!(start.elapsed(), Duration::from_hours(12));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_slept_renews_within_a_minute_of_waking() {
        let start = Instant::now();
        // The monotonic clock stood still for a day: after its first minute the wall clock is far ahead.
        let clock = || if start.elapsed() < CLOCK_CHECK { NOW } else { NOW + Duration::from_hours(24) };
        wait_until(NOW + Duration::from_hours(12), clock).await;
        assert_eq!(start.elapsed(), CLOCK_CHECK);
    }
}
