//! What a sidecar says about each request and connection: one JSON line on its standard output.
//!
//! Probes read these lines to confirm at the server's (or the client's) end what a client claims to have seen.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::mesh::{identity::SpiffeId, mode::Mode};

/// An HTTP request that was answered, or a connection that ended or was refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessLog {
    /// When it ended, RFC 3339 in UTC.
    pub time: jiff::Timestamp,
    /// Which way it went, seen from the workload.
    pub direction: Direction,
    /// Who connected, as the sidecar saw it.
    pub source: SocketAddr,
    /// Where it was meant to go before the redirect.
    pub destination: SocketAddr,
    /// Where the sidecar took it, once it did.
    pub upstream: Option<SocketAddr>,
    /// The Service (outbound only).
    pub host: Option<String>,
    /// The mode of the port (inbound only).
    pub mode: Option<Mode>,
    /// How the bytes travelled between the pods: the downstream side of an inbound, the upstream side of an outbound.
    pub transport: Transport,
    /// Who the other sidecar proved to be.
    pub peer: Option<SpiffeId>,
    /// The request, unless the connection was opaque.
    pub request: Option<Request>,
    /// The status sent downstream.
    pub status: Option<u16>,
    /// Envoy's response flags: `UC`, `UF,URX`, `UH`, `NR`, ...; empty if all went well.
    pub flags: String,
    /// Why it was refused or failed, in words a trainee understands; absent if all went well.
    pub cause: Option<String>,
    /// Payload bytes received from downstream.
    pub bytes_received: u64,
    /// Payload bytes sent downstream.
    pub bytes_sent: u64,
    /// From the first byte to the last, in milliseconds.
    pub duration_ms: u64,
}

/// Seen from the workload.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Somebody called us.
    Inbound,
    /// We called somebody.
    Outbound,
}

/// How bytes travelled between two pods.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Mutual TLS of the mesh.
    Mtls,
    /// As the application wrote them.
    Plaintext,
    /// TLS that is not the mesh's mutual TLS.
    Tls,
}

/// What was asked over HTTP.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// `GET`, ...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `HTTP/1.1` or `HTTP/2`.
    pub version: String,
    /// The `Host` header or `:authority`.
    pub authority: Option<String>,
    /// The `x-request-id` header, if there was one.
    pub id: Option<String>,
}
