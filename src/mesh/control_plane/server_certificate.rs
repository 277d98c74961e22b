//! The control plane's own certificate, from its own authority, renewed like everybody's.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rcgen::KeyPair;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::{
    host::{Host, Output},
    host_println,
    mesh::{
        ca::{CaError, CertificateAuthority},
        retry::Retry,
        svid::{self, SvidError, Validity},
        tls::{self, TlsError},
    },
};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum ServerCertificateError {
    /// No key could be made.
    #[error("cannot make a key: {0}")]
    Key(rcgen::Error),
    /// What was signed cannot be read.
    #[error("{0}")]
    Read(SvidError),
    /// It was not signed.
    #[error("{0}")]
    Sign(CaError),
    /// It cannot be used for TLS.
    #[error("{0}")]
    Tls(TlsError),
}

/// The control plane's certificate and whoever signs the next one.
pub struct ServerCertificate {
    authority: Arc<CertificateAuthority>,
    names: Vec<String>,
    shown: Arc<tls::ServerCertificate>,
    lifetime: Duration,
    life: Validity,
}

impl ServerCertificate {
    /// Issues the first certificate for a server of these DNS names; it and its successors live for `lifetime`.
    ///
    /// # Errors
    /// [`ServerCertificateError`].
    pub fn new(
        authority: Arc<CertificateAuthority>,
        names: Vec<String>,
        lifetime: Duration,
    ) -> Result<Self, ServerCertificateError> {
        let (chain, key, life) = issue(&authority, &names, lifetime)?;
        let shown = tls::ServerCertificate::new(chain, key).map_err(ServerCertificateError::Tls)?;
        Ok(Self { authority, names, shown: Arc::new(shown), lifetime, life })
    }

    /// When the one that is shown ends.
    pub fn expires(&self) -> Timestamp {
        self.life.not_after
    }

    /// The configuration of a server that shows whichever certificate is the newest.
    ///
    /// # Errors
    /// [`ServerCertificateError::Tls`].
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, ServerCertificateError> {
        let roots = [self.authority.root().clone()];
        tls::server(self.shown.clone(), &roots).map(Arc::new).map_err(ServerCertificateError::Tls)
    }

    /// Renews the certificate at half of its life, again and again; `renewed` is told when each one ends.
    pub async fn keep_fresh(mut self, host: Arc<dyn Host>, renewed: impl Fn(Timestamp)) {
        let mut retry = Retry::default();
        loop {
            // There is but one control plane, so nobody else renews at this moment.
            svid::wait_until(self.life.renewal(Timestamp::now(), 0.5), Timestamp::now).await;
            match self.renew() {
                Ok(()) => {
                    retry = Retry::default();
                    renewed(self.expires());
                }
                Err(error) => {
                    host_println!(host, Output::Stderr, "cannot renew the control plane's certificate: {error}");
                    retry.wait().await;
                }
            }
        }
    }

    fn renew(&mut self) -> Result<(), ServerCertificateError> {
        let (chain, key, life) = issue(&self.authority, &self.names, self.lifetime)?;
        self.shown.renew(chain, key).map_err(ServerCertificateError::Tls)?;
        self.life = life;
        Ok(())
    }
}

/// A chain, its key, and from when to when they are good.
type Issued = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, Validity);

fn issue(
    authority: &CertificateAuthority,
    names: &[String],
    lifetime: Duration,
) -> Result<Issued, ServerCertificateError> {
    let key = KeyPair::generate().map_err(ServerCertificateError::Key)?;
    let issued =
        authority.sign_server(&key, names, lifetime, Timestamp::now()).map_err(ServerCertificateError::Sign)?;
    let chain = svid::certificates(&issued.certificate).map_err(ServerCertificateError::Read)?;
    let life = Validity::of(&chain[0]).map_err(ServerCertificateError::Read)?;
    Ok((chain, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())), life))
}
