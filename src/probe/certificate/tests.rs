use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ED25519, SanType, SignatureAlgorithm};

use super::*;
use crate::{lab::position::Located, probe::judge::Outcome};

const ID: &str = "spiffe://cluster.local/ns/foo/sa/httpbin";
const ANOTHER: &str = "spiffe://cluster.local/ns/foo/sa/default";

/// A root, and whoever it certifies.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap();
        Self { pem: root.pem(), issuer: Issuer::from_ca_cert_der(root.der(), key).unwrap() }
    }

    /// What `openssl` prints of a certificate for `id` that ends on the second of January.
    fn printed(&self, id: &str, algorithm: &'static SignatureAlgorithm) -> Executed {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 1, 2);
        let certificate = params.signed_by(&KeyPair::generate_for(algorithm).unwrap(), &self.issuer).unwrap();
        executed(0, &format!("CONNECTED\n---\n{}", certificate.pem()), "")
    }
}

fn executed(code: u8, stdout: &str, stderr: &str) -> Executed {
    Executed { code, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
}

fn wanted() -> Certificate {
    let name = |name: &str| Located { value: crate::lab::model::WorkloadName(name.to_owned()), at: Default::default() };
    Certificate {
        title: "t".to_owned(),
        from: name("sleep.foo"),
        of: name("httpbin.foo"),
        identity: None,
        key: Some("ECDSA P-256".parse().unwrap()),
        lifetime: Some(Duration::from_hours(24)),
    }
}

fn told_by(lines: &[Line]) -> String {
    let line = |line: &Line| {
        let why = line.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        format!("{} {}: {} / {}{why}", line.outcome, line.subject, line.expected, line.seen)
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

#[test]
fn what_is_as_expected_passes() {
    let authority = Authority::new();
    let printed = authority.printed(ID, &rcgen::PKCS_ECDSA_P256_SHA256);
    insta::assert_snapshot!(told_by(&judge("c", &wanted(), ID, &printed, &authority.pem, noon())), @r"
    pass c: identity: spiffe://cluster.local/ns/foo/sa/httpbin / spiffe://cluster.local/ns/foo/sa/httpbin
    pass c: chain: leads to the mesh's root / leads to the mesh's root
    pass c: lifetime: valid now, and for 24h at most / valid from 2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z: 12h left
    pass c: key: ECDSA P-256 / ECDSA P-256
    ");
}

#[test]
fn whatever_is_not_is_named() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let printed = stranger.printed(ANOTHER, &PKCS_ED25519);
    let late = "2026-01-03T00:00:00Z".parse().unwrap();
    insta::assert_snapshot!(told_by(&judge("c", &wanted(), ID, &printed, &authority.pem, late)), @r"
    fail c: identity: spiffe://cluster.local/ns/foo/sa/httpbin / spiffe://cluster.local/ns/foo/sa/default
    fail c: chain: leads to the mesh's root / does not lead to the mesh's root (invalid peer certificate: UnknownIssuer)
    fail c: lifetime: valid now, and for 24h at most / valid from 2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z
    fail c: key: ECDSA P-256 / Ed25519
    ");
}

#[test]
fn a_certificate_that_lives_too_long_fails() {
    let authority = Authority::new();
    let wanted = Certificate { lifetime: Some(Duration::from_hours(1)), ..wanted() };
    let printed = authority.printed(ID, &rcgen::PKCS_ECDSA_P256_SHA256);
    let lines = judge("c", &wanted, ID, &printed, &authority.pem, noon());
    assert_eq!((lines[2].outcome, lines[0].outcome), (Outcome::Fail, Outcome::Pass));
}

/// A server in plaintext answered; one that is not there did not.
#[test]
fn no_certificate_fails_and_no_server_is_an_error() {
    let plain = executed(1, "CONNECTED\nno peer certificate available\n", "openssl: the handshake failed: x");
    let absent = executed(1, "", "openssl: cannot connect to 10.244.0.4:80: connection refused");
    let lines: Vec<Line> = [plain, absent].iter().flat_map(|it| judge("c", &wanted(), ID, it, "", noon())).collect();
    insta::assert_snapshot!(told_by(&lines), @r"
    fail c: spiffe://cluster.local/ns/foo/sa/httpbin / none (the server presented no certificate)
    error c: a certificate / unknown (openssl: cannot connect to 10.244.0.4:80: connection refused (exit code 1))
    ");
}
