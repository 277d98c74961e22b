//! Sending an image to a registry.

mod credentials;
mod explain;

use std::time::Duration;

use http::HeaderValue;
use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    secrets::RegistryAuth,
};

use super::{Image, ImageName};
pub use credentials::CredentialsError;

/// How long a registry may take to accept a connection, and to answer when it has everything.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_mins(1);

/// Why an image is not in the registry.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// What Docker or Podman know about the registry cannot be used.
    #[error("no login for {registry}: {why}")]
    Credentials {
        /// The registry.
        registry: String,
        /// Why not.
        why: CredentialsError,
    },
    /// The registry does not let this user write there.
    #[error("{registry} does not let {who} write to {repository}")]
    Denied {
        /// The registry.
        registry: String,
        /// Where in it.
        repository: String,
        /// The user, in words.
        who: String,
    },
    /// Nothing says whom to trust, so there is no client.
    #[error("this machine has no certificate authorities: nothing says which registries are genuine")]
    NoRoots,
    /// The registry refuses the image, or breaks off.
    #[error("{registry} does not take the image: {why}")]
    Refused {
        /// The registry.
        registry: String,
        /// What it says.
        why: String,
    },
    /// There is no way to the registry.
    #[error("cannot reach {registry}: {why}")]
    Unreachable {
        /// The registry.
        registry: String,
        /// What happened.
        why: String,
        /// Whether it looks as if the registry spoke no TLS.
        plain: bool,
    },
}

impl PushError {
    /// What the reader can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Credentials { registry, .. } | Self::Denied { registry, .. } => {
                Some(format!("log in with `docker login {registry}` or `podman login {registry}`"))
            }
            Self::NoRoots => {
                Some("install the package `ca-certificates`, or name a file of them in SSL_CERT_FILE".to_owned())
            }
            Self::Unreachable { plain: true, .. } => {
                Some("a registry without TLS is reached with --plain-http".to_owned())
            }
            Self::Refused { .. } | Self::Unreachable { .. } => None,
        }
    }
}

/// Sends `image` to the registry of `name`. What is there already is not sent again.
///
/// # Errors
/// [`PushError`]. Parts may be there then; without the manifest, which goes last, nobody finds them.
pub async fn push(image: &Image, name: &ImageName, plain_http: bool) -> Result<(), PushError> {
    let registry = name.reference().resolve_registry();
    let login =
        credentials::of(registry).map_err(|why| PushError::Credentials { registry: registry.to_owned(), why })?;
    // The client panics where it cannot make one for TLS, even if it is not to use it.
    if !roots_are_there() {
        return Err(PushError::NoRoots);
    }
    let client = Client::new(ClientConfig {
        protocol: if plain_http { ClientProtocol::Http } else { ClientProtocol::Https },
        connect_timeout: Some(CONNECT),
        read_timeout: Some(ANSWER),
        user_agent: concat!("labctl/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    });
    send(&client, image, name.reference(), &login).await.map_err(|error| explain::explain(error, name, &login))
}

async fn send(
    client: &Client,
    image: &Image,
    name: &Reference,
    login: &RegistryAuth,
) -> Result<(), OciDistributionError> {
    client.auth(name, login, RegistryOperation::Push).await?;
    for blob in [&image.layer, &image.config] {
        let digest = blob.digest.to_string();
        if !client.blob_exists(name, &digest).await? {
            client.push_blob(name, blob.data.clone(), &digest).await?;
        }
    }
    let kind = HeaderValue::from_str(image.manifest.media_type.as_ref()).expect("a media type is plain text");
    client.push_manifest_raw(name, image.manifest.data.clone(), kind).await.map(drop)
}

/// Whether this machine trusts anybody; elsewhere the system decides that for each connection.
#[cfg(target_os = "linux")]
fn roots_are_there() -> bool {
    !rustls_native_certs::load_native_certs().certs.is_empty()
}

#[cfg(not(target_os = "linux"))]
fn roots_are_there() -> bool {
    true
}
