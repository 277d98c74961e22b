//! What one sidecar must know, as plain data.
//!
//! The control plane computes it, [`crate::mesh`] distributes it, the data plane reads it. It is replaced as a
//! whole on every change, so a connection sees one consistent snapshot.

pub mod routing;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

pub use self::routing::Routing;
use crate::mesh::{identity::SpiffeId, mode::Mode};

/// The configuration of one sidecar.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyConfig {
    /// Names this snapshot; the sidecar echoes it to acknowledge. Opaque.
    pub version: String,
    /// Trust domains whose clients are let in: our own first, then its aliases.
    pub trust_domains: Vec<String>,
    /// What is accepted.
    pub inbound: Inbound,
    /// Every Service port this workload can call, and those subsets that its routes lead to.
    pub outbound: Vec<OutboundPort>,
    /// Where requests go that do not simply go to the Service they name.
    #[serde(default, skip_serializing_if = "Routing::is_empty")]
    pub routing: Routing,
}

/// What a sidecar accepts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inbound {
    /// The mode of ports that `ports` does not name; their protocol is detected.
    pub mode: Mode,
    /// By workload (container) port.
    pub ports: BTreeMap<u16, InboundPort>,
}

/// What a sidecar accepts on one workload port.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundPort {
    /// Whether mutual TLS is required, possible or off.
    pub mode: Mode,
    /// What is spoken inside.
    pub protocol: Protocol,
}

/// What a port speaks, from its `appProtocol` or the prefix of its name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// Nothing says: look at the first bytes.
    #[default]
    Detect,
    /// HTTP/1.1 (`http`).
    Http,
    /// HTTP/2, gRPC included (`http2`, `grpc`).
    Http2,
    /// Opaque bytes (`tcp`, `tls`, `https`, `mysql`, `mongo`, `redis`, ...).
    Tcp,
}

/// One Service port as a client sees it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboundPort {
    /// The full host name, `httpbin.foo.svc.cluster.local`.
    pub host: String,
    /// The subset of its endpoints that this is; all of them if absent. A subset is found by routes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<String>,
    /// Other names an HTTP client may write in `Host` (`httpbin`, `httpbin.foo`, ...), without a port.
    pub aliases: Vec<String>,
    /// The Service's own addresses; none if it is headless (then the endpoints are dialled directly).
    pub addresses: Vec<IpAddr>,
    /// The Service port.
    pub port: u16,
    /// What is spoken.
    pub protocol: Protocol,
    /// Transport security towards the endpoints that have `tls`.
    pub tls: ClientTls,
    /// Ready endpoints only.
    pub endpoints: Vec<Endpoint>,
}

/// One pod behind a Service port.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Pod address and workload port.
    pub address: SocketAddr,
    /// Whether the port's `tls` is used towards it; plaintext otherwise.
    pub tls: bool,
    /// The workload that the pod belongs to, in the Service's namespace; for telemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
}

/// How a client secures its connections to a Service port.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "mode", rename_all = "camelCase")]
pub enum ClientTls {
    /// Plaintext.
    Disable,
    /// Mutual TLS with the workload's own certificate, verified against the mesh roots.
    IstioMutual {
        /// The server name sent, `outbound_.8000_._.httpbin.foo.svc.cluster.local`.
        sni: String,
        /// One of these must be in the server's certificate; none means any certificate of the mesh.
        sans: Vec<String>,
    },
    /// TLS with certificates of the rule's own (SIMPLE without a client certificate, MUTUAL with one).
    Files {
        /// The server name sent; the `Host` header if absent.
        sni: Option<String>,
        /// Names of which one must be in the server's certificate; the SNI if empty.
        sans: Vec<String>,
        /// PEM file of the roots; the system's if absent.
        ca_certificates: Option<String>,
        /// PEM files of the client's chain and key (MUTUAL).
        client_certificate: Option<CertificateFiles>,
        /// Whether the client shows a certificate (MUTUAL); one in a credential is shown only then.
        #[serde(default)]
        mutual: bool,
        /// Whether whoever answers is taken for the server: neither its issuer nor its names are looked at.
        insecure_skip_verify: bool,
        /// The credential that holds roots and certificate in place of files. Where it is missing, connections fail
        /// and say so, rather than go out with other certificates than those meant.
        credential_name: Option<String>,
    },
}

impl ClientTls {
    /// The credential that it takes roots and certificate from, if it names one.
    pub fn credential_name(&self) -> Option<&str> {
        match self {
            Self::Disable | Self::IstioMutual { .. } => None,
            Self::Files { credential_name, .. } => credential_name.as_deref(),
        }
    }
}

/// Where a client certificate lies on the sidecar's machine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFiles {
    /// PEM chain, leaf first.
    pub certificate: String,
    /// PEM private key.
    pub key: String,
}

/// Who a workload is, as the data plane uses it; renewed by replacing it.
#[derive(Clone, Debug)]
pub struct Svid {
    /// The identity in the certificate.
    pub id: SpiffeId,
    /// DER chain, leaf first.
    pub chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    /// The key, which never leaves this process.
    pub key: std::sync::Arc<rustls::pki_types::PrivateKeyDer<'static>>,
    /// DER roots of the mesh.
    pub roots: Vec<rustls::pki_types::CertificateDer<'static>>,
}
