//! Certificates that arrive with the configuration, as PEM.

use std::sync::Arc;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::SingleCertAndKey,
};

use super::{TlsError, certified_key, root_store};
use crate::sidecar::config::routing::Credential;

/// A credential and what it is called.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name by which rules and servers know it.
    pub name: String,
    /// What there is of it; nothing if it has not been found.
    pub credential: Option<Credential>,
}

impl Named {
    /// Chain and key.
    ///
    /// # Errors
    /// If they are missing, cannot be read, or do not belong together.
    pub fn own(&self) -> Result<Arc<SingleCertAndKey>, TlsError> {
        let (chain, key) = self.own_parts()?;
        certified_key(chain, key)
    }

    fn own_parts(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let found = self.found()?;
        let chain = found.certificate.as_deref().ok_or_else(|| self.lacks("a certificate (tls.crt)"))?;
        let key = found.key.as_deref().ok_or_else(|| self.lacks("a key (tls.key)"))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| self.unusable("its key (tls.key) is no PEM of a private key"))?;
        Ok((self.certificates(chain, "tls.crt")?, key))
    }

    /// The roots that verify the other side, if it has any.
    ///
    /// # Errors
    /// If it is missing, or its roots cannot be read.
    pub fn roots(&self) -> Result<Option<Arc<RootCertStore>>, TlsError> {
        let Some(text) = &self.found()?.roots else { return Ok(None) };
        Ok(Some(Arc::new(root_store(&self.certificates(text, "ca.crt")?)?)))
    }

    /// The roots that verify the other side.
    ///
    /// # Errors
    /// As [`Named::roots`], or if it has none.
    pub fn needed_roots(&self) -> Result<Arc<RootCertStore>, TlsError> {
        self.roots()?.ok_or_else(|| self.lacks("roots that verify clients (ca.crt)"))
    }

    fn found(&self) -> Result<&Credential, TlsError> {
        self.credential.as_ref().ok_or_else(|| TlsError::NoCredential(self.name.clone()))
    }

    fn certificates(&self, text: &str, key: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        match read {
            Ok(read) if !read.is_empty() => Ok(read),
            _ => Err(self.unusable(&format!("{key} holds no certificate in PEM"))),
        }
    }

    fn lacks(&self, what: &str) -> TlsError {
        self.unusable(&format!("it lacks {what}"))
    }

    fn unusable(&self, reason: &str) -> TlsError {
        TlsError::Credential { name: self.name.clone(), reason: reason.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let named = |credential| Named { name: "shop".to_owned(), credential };
        let said = |credential| named(credential).own().unwrap_err().to_string();
        insta::assert_snapshot!(said(None), @"credential `shop` was not found (make a Secret of this name in the namespace of the proxy's pod, and let a sidecar's service account list and watch it)");
        let mut credential = Credential::default();
        insta::assert_snapshot!(said(Some(credential.clone())), @"credential `shop` cannot be used: it lacks a certificate (tls.crt)");
        credential.certificate = Some("no PEM".to_owned());
        insta::assert_snapshot!(said(Some(credential.clone())), @"credential `shop` cannot be used: it lacks a key (tls.key)");
        credential.key = Some("no PEM".to_owned());
        insta::assert_snapshot!(said(Some(credential.clone())), @"credential `shop` cannot be used: its key (tls.key) is no PEM of a private key");
        let key = rcgen::KeyPair::generate().unwrap();
        credential.key = Some(key.serialize_pem());
        insta::assert_snapshot!(said(Some(credential.clone())), @"credential `shop` cannot be used: tls.crt holds no certificate in PEM");
        let roots = named(Some(credential)).needed_roots().unwrap_err().to_string();
        insta::assert_snapshot!(roots, @"credential `shop` cannot be used: it lacks roots that verify clients (ca.crt)");
    }
}
