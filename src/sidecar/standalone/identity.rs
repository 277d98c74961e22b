//! An identity from PEM files.

use std::{path::Path, sync::Arc};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject as _},
};

use super::{StandaloneError, model::IdentityFiles};
use crate::{
    host::Host,
    mesh::identity::NotASpiffeId,
    sidecar::{
        config::Svid,
        tls::{Identity, Peer},
    },
};

/// The bytes of the three files: what tells whether something has changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
    roots: Vec<u8>,
}

impl Pem {
    /// Reads the files; relative paths begin at `folder`.
    pub fn read(host: &dyn Host, folder: &Path, files: &IdentityFiles) -> Result<Self, StandaloneError> {
        let read = |path: &Path| {
            let path = folder.join(path);
            host.read(&path).map_err(|error| StandaloneError::Read { path, error })
        };
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)?, roots: read(&files.roots)? })
    }

    /// Makes an SVID of them, and proves that it can be used.
    pub fn svid(&self, files: &IdentityFiles) -> Result<Arc<Svid>, StandaloneError> {
        let chain = certificates(&self.certificate, &files.certificate)?;
        let roots = certificates(&self.roots, &files.roots)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| match error {
            pem::Error::NoItemsFound => wrong(&files.key, &"it holds no private key in PEM"),
            error => wrong(&files.key, &error),
        })?;
        let peer = Peer::new(&chain[0]);
        let id = peer.id().ok_or_else(|| StandaloneError::NoIdentity {
            path: files.certificate.clone(),
            error: NotASpiffeId(peer.uris.join(", ")),
        })?;
        let svid = Arc::new(Svid { id, chain, key: Arc::new(key), roots });
        Identity::new(svid.clone())?;
        Ok(svid)
    }
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, StandaloneError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| wrong(path, &error))?;
    if found.is_empty() { Err(wrong(path, &"it holds no certificate")) } else { Ok(found) }
}

fn wrong(path: &Path, reason: &dyn std::fmt::Display) -> StandaloneError {
    StandaloneError::Identity { path: path.to_owned(), reason: reason.to_string() }
}
