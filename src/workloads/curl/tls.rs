//! The client's side of TLS: whom it trusts, what it shows, and the words for what goes wrong.

mod verifier;
mod words;

use std::{io, path::Path, sync::Arc};

use rustls::{
    AlertDescription, ClientConfig, RootCertStore, client::danger::ServerCertVerifier,
    crypto::aws_lc_rs::default_provider,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub use words::alert_words;
pub(super) use words::{alert, alert_while_reading};

use super::{
    arguments::{HttpVersion, Options},
    failure::Failure,
    url::Url,
    wire,
};
use crate::host::Host;
use verifier::{Finding, Verifier};

/// Where the usual systems keep the certificates that everybody trusts.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

/// Makes a TLS connection out of `stream`; answers it with what was found out about the server's certificate.
pub(super) async fn handshake<S>(
    host: &dyn Host,
    options: &Options,
    url: &Url,
    stream: S,
) -> Result<(TlsStream<S>, u32), (Failure, u32)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (config, finding) = config(host, options, url).map_err(|failure| (failure, 0))?;
    let name = ServerName::try_from(url.host.clone()).map_err(|_| (Failure::malformed_url(), 0))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let found = finding.take();
    let code = found.as_ref().map_or(0, |problem| problem.code);
    match connected {
        Ok(stream) => Ok((stream, code)),
        Err(error) => {
            let failure = match found {
                Some(problem) if is_certificate_error(&error) => Failure::new(60, problem.message),
                _ => failed(&error, url),
            };
            Err((failure, code))
        }
    }
}

fn config(host: &dyn Host, options: &Options, url: &Url) -> Result<(ClientConfig, Finding), Failure> {
    let provider = Arc::new(default_provider());
    let (roots, trusted) = roots(host, options)?;
    let finding = Finding::default();
    let verifier = Verifier::new(roots, trusted, options.insecure, url.host.clone(), provider.clone(), finding.clone());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(35, error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &options.client_certificate {
        None => config.with_no_client_auth(),
        Some(path) => {
            let key_path = options.client_key.as_ref().unwrap_or(path);
            let (chain, key) = identity(host, path, key_path)?;
            config.with_client_auth_cert(chain, key).map_err(|_| unusable_key(key_path))?
        }
    };
    config.alpn_protocols = match options.http {
        HttpVersion::Negotiated => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        HttpVersion::One => vec![b"http/1.1".to_vec()],
        HttpVersion::TwoPriorKnowledge => vec![b"h2".to_vec()],
    };
    Ok((config, finding))
}

/// Believes every certificate.
pub(in crate::workloads) fn credulous(host: &str) -> Arc<dyn ServerCertVerifier> {
    let provider = Arc::new(default_provider());
    Arc::new(Verifier::new(RootCertStore::empty(), Vec::new(), true, host.to_owned(), provider, Finding::default()))
}

/// Whom we trust: `--cacert`, else what the environment names, else what the system has.
fn roots(host: &dyn Host, options: &Options) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), Failure> {
    let named =
        options.ca_certificates.clone().or_else(|| host.env("CURL_CA_BUNDLE")).or_else(|| host.env("SSL_CERT_FILE"));
    let certificates = match named {
        Some(path) => {
            let certificates = certificates(host, &path).unwrap_or_default();
            if certificates.is_empty() {
                return Err(Failure::new(77, format!("error setting certificate file: {path}")));
            }
            certificates
        }
        None if options.insecure => Vec::new(),
        None => SYSTEM_ROOTS.iter().find_map(|path| certificates(host, path)).unwrap_or_default(),
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    Ok((roots, certificates))
}

fn certificates(host: &dyn Host, path: &str) -> Option<Vec<CertificateDer<'static>>> {
    let pem = host.read(Path::new(path)).ok()?;
    CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().ok()
}

fn identity(
    host: &dyn Host,
    path: &str,
    key_path: &str,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Failure> {
    let chain = certificates(host, path).filter(|chain| !chain.is_empty()).ok_or_else(|| {
        let reason = "(no key found, wrong pass phrase, or wrong file format?)";
        Failure::new(58, format!("could not load PEM client certificate from {path}, {reason}"))
    })?;
    let pem = host.read(Path::new(key_path)).map_err(|_| unusable_key(key_path))?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| unusable_key(key_path))?;
    Ok((chain, key))
}

fn unusable_key(path: &str) -> Failure {
    Failure::new(58, format!("unable to set private key file: '{path}' type PEM"))
}

fn is_certificate_error(error: &io::Error) -> bool {
    matches!(words::cause(error), Some(rustls::Error::InvalidCertificate(_)))
}

/// A handshake that failed for any other reason than the server's certificate.
fn failed(error: &io::Error, url: &Url) -> Failure {
    let cause = words::cause(error);
    // curl has an exit code of its own for this one alert.
    let wants_certificate = matches!(cause, Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)));
    let message = match cause {
        Some(cause) => words::handshake_error(cause),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            format!("OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to {}:{} ", url.host, url.port)
        }
        None => format!("Recv failure: {}", wire::words(error)),
    };
    Failure::new(if wants_certificate { 98 } else { 35 }, message)
}

/// Lines about a connection for `-v`.
pub(super) fn describe<S>(stream: &TlsStream<S>) -> Vec<String> {
    let (_, connection) = stream.get_ref();
    let version = connection.protocol_version().and_then(|version| version.as_str().map(str::to_owned));
    let suite =
        connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"));
    let mut lines = vec![format!(
        "SSL connection using {} / {}",
        version.unwrap_or_default().replace('_', "."),
        suite.unwrap_or_default()
    )];
    lines.push(match connection.alpn_protocol() {
        Some(protocol) => format!("ALPN: server accepted {}", String::from_utf8_lossy(protocol)),
        None => "ALPN: server did not agree on a protocol. Uses default.".to_owned(),
    });
    if let Some(certificate) = connection.peer_certificates().and_then(<[_]>::first) {
        lines.extend(words::describe_certificate(certificate));
    }
    lines
}

/// The alert that ended a connection, if one did.
pub(super) fn alert_of(error: &rustls::Error) -> Option<AlertDescription> {
    match error {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}
