//! The mesh's root: kept in a Secret, so that a control plane which starts anew carries on with it.

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, api::PostParams, core::ObjectMeta};

use crate::mesh::{
    ca::{CaError, CertificateAuthority},
    install::{MANAGED_BY, ROOT_NAMESPACE},
};

/// The Secret.
const SECRET: &str = "istio-ca-secret";
/// Its key for the root's certificate.
const CERTIFICATE: &str = "ca-cert.pem";
/// Its key for the root's key.
const KEY: &str = "ca-key.pem";

/// Why there is no root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The stored root cannot be used, or no new one be made.
    #[error("Secret {ROOT_NAMESPACE}/{SECRET}: {0}")]
    Authority(CaError),
    /// The Secret could not be read or written.
    #[error("Secret {ROOT_NAMESPACE}/{SECRET}: {0}")]
    Cluster(kube::Error),
}

/// Takes up the stored root, or makes one and stores it.
///
/// # Errors
/// [`RootError`].
pub async fn take_up(client: kube::Client, trust_domain: &str) -> Result<CertificateAuthority, RootError> {
    let secrets: Api<Secret> = Api::namespaced(client, ROOT_NAMESPACE);
    loop {
        if let Some(secret) = secrets.get_opt(SECRET).await.map_err(RootError::Cluster)? {
            return stored(&secret).map_err(RootError::Authority);
        }
        let authority =
            CertificateAuthority::generate(trust_domain, jiff::Timestamp::now()).map_err(RootError::Authority)?;
        match secrets.create(&PostParams::default(), &secret(&authority)).await {
            Ok(_) => return Ok(authority),
            // Another control plane was faster: its root is the mesh's.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(RootError::Cluster(error)),
        }
    }
}

fn stored(secret: &Secret) -> Result<CertificateAuthority, CaError> {
    let text = |key: &str| {
        let value = secret.data.as_ref().and_then(|data| data.get(key));
        let value = value.ok_or_else(|| CaError::Root(format!("it has no key {key}")))?;
        str::from_utf8(&value.0).map_err(|error| CaError::Root(format!("{key}: {error}")))
    };
    CertificateAuthority::load(text(CERTIFICATE)?, text(KEY)?, jiff::Timestamp::now())
}

fn secret(authority: &CertificateAuthority) -> Secret {
    let entry = |key: &str, pem: &str| (key.to_owned(), ByteString(pem.as_bytes().to_vec()));
    Secret {
        metadata: ObjectMeta {
            name: Some(SECRET.to_owned()),
            labels: Some([(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned())].into()),
            ..ObjectMeta::default()
        },
        type_: Some("istio.io/ca-root".to_owned()),
        data: Some([entry(CERTIFICATE, authority.root_pem()), entry(KEY, &authority.key_pem())].into()),
        ..Secret::default()
    }
}
