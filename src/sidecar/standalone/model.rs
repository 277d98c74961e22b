//! The file of a standalone sidecar. Its text stays as it was written; [`super::parse`] checks what types cannot.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::{mesh::mode::Mode, sidecar::config::Protocol};

/// An example that shows every key. Its lines fit a narrow terminal: a wrapped comment would no longer be one.
pub const EXAMPLE: &str = "\
identity:                  # who this sidecar is; read again when files change
  certificate: server.pem  # with spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT
  key: server-key.pem
  roots: ca.pem            # who signs the others' certificates
trustDomains: [cluster.local]  # of clients; default: the certificate's own
inbound:                   # connections to our program
  - listen: 0.0.0.0:8443
    application: 127.0.0.1:8080
    mode: STRICT           # STRICT, PERMISSIVE (default) or DISABLE
    protocol: http         # http, http2, tcp or detect (default)
outbound:                  # connections of our program
  - listen: 127.0.0.1:9000
    upstreams: [\"other.example:8443\"]
    protocol: http
    tls:
      mode: ISTIO_MUTUAL   # the default; or DISABLE, SIMPLE, MUTUAL
      subjectAltNames: [\"spiffe://cluster.local/ns/default/sa/other\"]
      # sni: NAME          # default: made of the upstream's name and port
      # caCertificates, clientCertificate, privateKey: for SIMPLE, MUTUAL
telemetry: 127.0.0.1:15020 # /stats/prometheus, /healthz/ready; default: none
accessLog: false           # a JSON line on standard output per request
workers: 2                 # threads; default: one per core
drainSeconds: 5            # for open connections after SIGTERM
";

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Standalone {
    /// Who this sidecar is.
    pub identity: IdentityFiles,
    /// Trust domains whose clients are let in; that of the certificate if absent.
    pub trust_domains: Option<Vec<String>>,
    /// Connections to our program.
    #[serde(default)]
    pub inbound: Vec<InboundListener>,
    /// Connections of our program.
    #[serde(default)]
    pub outbound: Vec<OutboundListener>,
    /// Where metrics and readiness are answered.
    pub telemetry: Option<SocketAddr>,
    /// Whether each request and connection is written to standard output.
    #[serde(default)]
    pub access_log: bool,
    /// How many threads serve; one per core if absent.
    pub workers: Option<NonZeroUsize>,
    /// How long open connections may go on after the end was asked for.
    #[serde(default = "default_drain")]
    pub drain_seconds: u64,
}

fn default_drain() -> u64 {
    5
}

/// The PEM files of an identity. Relative paths begin at the folder of the configuration.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
    /// The roots that sign other workloads.
    pub roots: PathBuf,
}

/// A listener for connections to our program.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundListener {
    /// Where it listens.
    pub listen: Spanned<SocketAddr>,
    /// The program.
    pub application: SocketAddr,
    /// What is accepted.
    #[serde(default = "default_mode")]
    pub mode: Mode,
    /// What is spoken.
    #[serde(default)]
    pub protocol: Protocol,
}

fn default_mode() -> Mode {
    Mode::Permissive
}

/// A listener for connections of our program.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundListener {
    /// Where it listens.
    pub listen: Spanned<SocketAddr>,
    /// Who answers, in turn: `name:port` or `address:port`. Names are resolved when the file is read.
    pub upstreams: Spanned<Vec<Spanned<String>>>,
    /// What is spoken.
    #[serde(default)]
    pub protocol: Protocol,
    /// How the connections are secured.
    #[serde(default)]
    pub tls: OutboundTls,
}

/// How connections to upstreams are secured, with the words of a DestinationRule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundTls {
    /// The mode.
    #[serde(default)]
    pub mode: Option<Spanned<TlsMode>>,
    /// The server name sent.
    pub sni: Option<String>,
    /// Names of which the server must have one.
    #[serde(default)]
    pub subject_alt_names: Vec<String>,
    /// PEM file of the roots (SIMPLE, MUTUAL); the system's if absent.
    pub ca_certificates: Option<PathBuf>,
    /// PEM file of the client's chain (MUTUAL).
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the client's key (MUTUAL).
    pub private_key: Option<PathBuf>,
}

/// How a client secures its connections.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TlsMode {
    /// Plaintext.
    Disable,
    /// Mutual TLS with this sidecar's identity.
    #[default]
    IstioMutual,
    /// Mutual TLS with a certificate of its own.
    Mutual,
    /// TLS without a client certificate.
    Simple,
}
