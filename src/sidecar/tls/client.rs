//! The client side of a handshake: what one Service port asks for, compiled once per identity.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{ClientConfig, RootCertStore, client::Resumption, pki_types::ServerName, sign::SingleCertAndKey, version};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Identity, TlsError,
    credential::Named,
    files, provider,
    verify::{ExpectedServer, ServerNames},
};
use crate::{
    host::Host,
    sidecar::{
        config::{CertificateFiles, ClientTls, routing::Credential},
        stream::Prefixed,
    },
};

/// What will be spoken inside the TLS connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inside {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// Bytes.
    Opaque,
}

impl Inside {
    /// What sidecars offer each other. The standard names stand last, so that a plain server can answer too.
    fn istio_alpn(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http1 => &[b"istio-http/1.1", b"istio", b"http/1.1"],
            Self::Http2 => &[b"istio-h2", b"istio", b"h2"],
            Self::Opaque => &[b"istio-peer-exchange", b"istio"],
        }
    }

    fn plain_alpn(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
            Self::Opaque => &[],
        }
    }
}

/// How one Service port is called. Its configurations are made when first needed and kept until the identity changes.
#[derive(Debug)]
pub struct ClientContext {
    settings: ClientTls,
    /// What the settings name in place of files.
    credential: Option<Named>,
    compiled: Mutex<Option<Compiled>>,
}

#[derive(Debug)]
struct Compiled {
    identity: Arc<Identity>,
    configs: Vec<(Inside, Arc<ClientConfig>)>,
}

impl ClientContext {
    /// Takes the settings, and the credential that they name if it is there; `None` if they ask for plaintext.
    pub fn new(settings: &ClientTls, credential: Option<&Credential>) -> Option<Self> {
        if *settings == ClientTls::Disable {
            return None;
        }
        let named = settings.credential_name();
        let credential = named.map(|name| Named { name: name.to_owned(), credential: credential.cloned() });
        Some(Self { settings: settings.clone(), credential, compiled: Mutex::default() })
    }

    /// The name that is sent and, where the settings name nobody else, verified. `fallback` is the name the client uses.
    ///
    /// # Errors
    /// If the name is neither a DNS name nor an address.
    pub fn server_name(&self, fallback: &str) -> Result<ServerName<'static>, TlsError> {
        let name = self.fixed_name().unwrap_or(fallback);
        ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name(name.to_owned()))
    }

    /// The name that is sent whatever the client uses; connections for other names must not be shared without it.
    pub fn fixed_name(&self) -> Option<&str> {
        match &self.settings {
            ClientTls::Disable => None,
            ClientTls::Files { sni, .. } => sni.as_deref(),
            ClientTls::IstioMutual { sni, .. } => Some(sni),
        }
    }

    /// Whether it is the mutual TLS of the mesh.
    pub fn is_mesh(&self) -> bool {
        matches!(self.settings, ClientTls::IstioMutual { .. })
    }

    /// Shakes hands with a server.
    ///
    /// # Errors
    /// If certificates cannot be used, or the handshake fails; [`super::failure::describe`] names the cause.
    pub async fn connect(
        &self,
        host: &dyn Host,
        identity: &Arc<Identity>,
        inside: Inside,
        name: &str,
        stream: TcpStream,
    ) -> Result<Box<TlsStream<Prefixed>>, ConnectError> {
        let config = self.config(host, identity, inside)?;
        let stream = Prefixed::new(bytes::Bytes::new(), stream);
        Ok(Box::new(TlsConnector::from(config).connect(self.server_name(name)?, stream).await?))
    }

    fn config(&self, host: &dyn Host, identity: &Arc<Identity>, inside: Inside) -> Result<Arc<ClientConfig>, TlsError> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let current = match &mut *compiled {
            Some(current) if Arc::ptr_eq(&current.identity, identity) => current,
            stale => stale.insert(Compiled { identity: identity.clone(), configs: Vec::new() }),
        };
        if let Some((_, config)) = current.configs.iter().find(|(made_for, _)| *made_for == inside) {
            return Ok(config.clone());
        }
        let config = Arc::new(self.build(host, identity, inside)?);
        current.configs.push((inside, config.clone()));
        Ok(config)
    }

    fn build(&self, host: &dyn Host, identity: &Identity, inside: Inside) -> Result<ClientConfig, TlsError> {
        let any_of = |sans: &[String], otherwise| match sans {
            [] => otherwise,
            sans => ServerNames::OneOf(sans.to_vec()),
        };
        let (mut config, protocols) = match &self.settings {
            ClientTls::Disable => unreachable!("a context is made for settings with TLS only"),
            ClientTls::IstioMutual { sans, .. } => {
                let expected = ExpectedServer::new(identity.roots.clone(), any_of(sans, ServerNames::Any));
                let builder = verified(expected, &[&version::TLS13])?;
                (builder.with_client_cert_resolver(identity.certificate.clone()), inside.istio_alpn())
            }
            ClientTls::Files { sans, ca_certificates, client_certificate, mutual, insecure_skip_verify, .. } => {
                let expected = match insecure_skip_verify {
                    true => ExpectedServer::anybody(),
                    false => {
                        let roots = self.roots(host, ca_certificates.as_deref())?;
                        ExpectedServer::new(roots, any_of(sans, ServerNames::ServerName))
                    }
                };
                let builder = verified(expected, &[&version::TLS13, &version::TLS12])?;
                let config = match self.own(host, *mutual, client_certificate.as_ref())? {
                    Some(own) => builder.with_client_cert_resolver(own),
                    None => builder.with_no_client_auth(),
                };
                (config, inside.plain_alpn())
            }
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

impl ClientContext {
    fn roots(&self, host: &dyn Host, file: Option<&str>) -> Result<Arc<RootCertStore>, TlsError> {
        match self.credential.as_ref().map(Named::roots).transpose()?.flatten() {
            Some(roots) => Ok(roots),
            None => files::roots(host, file),
        }
    }

    fn own(
        &self,
        host: &dyn Host,
        mutual: bool,
        named: Option<&CertificateFiles>,
    ) -> Result<Option<Arc<SingleCertAndKey>>, TlsError> {
        match (&self.credential, named) {
            (Some(credential), _) if mutual => credential.own().map(Some),
            (None, Some(named)) => files::client_certificate(host, named).map(Some),
            _ => Ok(None),
        }
    }
}

fn verified(
    expected: ExpectedServer,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, TlsError> {
    Ok(ClientConfig::builder_with_provider(provider().clone())
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(expected)))
}

/// Why there is no TLS connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The handshake failed.
    #[error(transparent)]
    Handshake(#[from] io::Error),
    /// It could not be begun.
    #[error(transparent)]
    Settings(#[from] TlsError),
}
