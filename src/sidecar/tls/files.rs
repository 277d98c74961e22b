//! Certificates that a DestinationRule names by file.

use std::{path::Path, sync::Arc};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::SingleCertAndKey,
};

use super::{TlsError, certified_key, root_store};
use crate::{host::Host, sidecar::config::CertificateFiles};

/// Where systems keep the certificate authorities they trust, in the order they are tried.
const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
];

/// The roots in a PEM file, or those of the system.
pub fn roots(host: &dyn Host, path: Option<&str>) -> Result<Arc<RootCertStore>, TlsError> {
    if let Some(path) = path {
        return Ok(Arc::new(root_store(&certificates(host, Path::new(path))?)?));
    }
    let named = host.env("SSL_CERT_FILE");
    let candidates = named.iter().map(String::as_str).chain(SYSTEM_ROOTS);
    let found = candidates.map(Path::new).find_map(|path| certificates(host, path).ok());
    let mut store = RootCertStore::empty();
    // A bundle of a system may hold roots that webpki cannot use; the others count.
    store.add_parsable_certificates(found.ok_or(TlsError::NoSystemRoots)?);
    Ok(Arc::new(store))
}

/// The client certificate of a MUTUAL rule.
pub fn client_certificate(host: &dyn Host, files: &CertificateFiles) -> Result<Arc<SingleCertAndKey>, TlsError> {
    let chain = certificates(host, Path::new(&files.certificate))?;
    let key = Path::new(&files.key);
    let pem = read(host, key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| file_error(key, &error))?;
    certified_key(chain, key)
}

fn certificates(host: &dyn Host, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(host, path)?).collect();
    let found = found.map_err(|error| file_error(path, &error))?;
    if found.is_empty() { Err(file_error(path, &"it holds no certificate")) } else { Ok(found) }
}

fn read(host: &dyn Host, path: &Path) -> Result<Vec<u8>, TlsError> {
    host.read(path).map_err(|error| file_error(path, &error))
}

fn file_error(path: &Path, reason: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: reason.to_string() }
}
