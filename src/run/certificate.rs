//! The `certificate` action: certificates for servers and clients of a lab, from an authority that the run makes for itself.

use std::time::Duration;

use jiff::Timestamp;
use kube::core::DynamicObject;
use rcgen::KeyPair;
use serde_json::json;

use super::{context::Context, result::Problem};
use crate::{
    cluster::Patience,
    lab::action::Certificate,
    mesh::ca::{CaError, CertificateAuthority},
};

/// How long a certificate of a lab is good for: longer than any workshop.
const LIFETIME: Duration = Duration::from_hours(24 * 7);

impl Context<'_> {
    /// Puts a key, its certificate and the authority's into a Secret.
    pub(super) async fn certify(&self, certificate: &Certificate, patience: &Patience) -> Result<(), Problem> {
        let name = || async { CertificateAuthority::generate(&self.lab.metadata.name, Timestamp::now()) };
        let authority = self.authority.get_or_try_init(name).await;
        let secret = authority.and_then(|authority| secret(certificate, authority));
        let secret = secret.map_err(|error| Problem::new(format!("no certificate could be made: {error}")))?;
        self.cluster.apply(vec![secret], patience).await?;
        Ok(())
    }
}

fn secret(certificate: &Certificate, authority: &CertificateAuthority) -> Result<DynamicObject, CaError> {
    let key = KeyPair::generate().map_err(CaError::Sign)?;
    let issued = authority.sign_server(&key, &certificate.hosts, LIFETIME, Timestamp::now())?;
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": certificate.secret, "namespace": certificate.namespace},
        "type": "kubernetes.io/tls",
        "stringData": {
            "ca.crt": authority.root_pem(),
            "tls.crt": issued.certificate,
            "tls.key": key.serialize_pem(),
        },
    });
    Ok(serde_json::from_value(secret).expect("it has a kind and a name"))
}
