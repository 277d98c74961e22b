//! Certificates of a mesh, made for one test.

use std::sync::Arc;

use labctl::{mesh::identity::SpiffeId, sidecar::config::Svid};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// A certificate authority.
pub struct Authority {
    pub root: CertificateDer<'static>,
    pub root_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub struct Issued {
    pub certificate: rcgen::Certificate,
    pub key: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { root: certificate.der().clone(), root_pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// Issues a certificate with these URI names.
    pub fn issue(&self, uris: &[&str]) -> Issued {
        self.issue_for(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect())
    }

    /// Issues a certificate of a web server.
    pub fn issue_dns(&self, name: &str) -> Issued {
        self.issue_for(vec![SanType::DnsName(name.try_into().unwrap())])
    }

    fn issue_for(&self, names: Vec<SanType>) -> Issued {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        Issued { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }

    /// An SVID of the trust domain `cluster.local`.
    pub fn svid(&self, namespace: &str, account: &str) -> Arc<Svid> {
        let id = SpiffeId::new("cluster.local", namespace, account);
        let issued = self.issue(&[&id.to_string()]);
        Arc::new(Svid {
            id,
            chain: vec![issued.certificate.der().clone()],
            key: Arc::new(issued.private_key()),
            roots: vec![self.root.clone()],
        })
    }

    /// What a client uses that trusts this authority, whatever the server's name.
    pub fn client(&self, certificate: Option<&Issued>, alpn: &[&[u8]]) -> Arc<ClientConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let verifier = labctl::sidecar::tls::verify::ExpectedServer::new(
            Arc::new(roots),
            labctl::sidecar::tls::verify::ServerNames::Any,
        );
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match certificate {
            Some(issued) => {
                builder.with_client_auth_cert(vec![issued.certificate.der().clone()], issued.private_key()).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }
}

impl Issued {
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}
