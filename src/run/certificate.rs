//! The `certificate` action: certificates for servers and clients of a lab, from authorities that the run makes for itself.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

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
        let name = certificate.authority.as_ref().unwrap_or(&self.lab.metadata.name);
        let secret = self.authority(name).and_then(|authority| secret(certificate, &authority));
        let secret = secret.map_err(|error| Problem::new(format!("no certificate could be made: {error}")))?;
        self.cluster.apply(vec![secret], patience).await?;
        Ok(())
    }

    fn authority(&self, name: &str) -> Result<Arc<CertificateAuthority>, CaError> {
        let mut authorities = self.authorities.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = authorities.get(name) {
            return Ok(known.clone());
        }
        let made = Arc::new(CertificateAuthority::generate(name, Timestamp::now())?);
        authorities.insert(name.to_owned(), made.clone());
        Ok(made)
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
