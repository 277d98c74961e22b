//! What is asked: one request of one client.

use super::super::WorkloadId;
use crate::{mesh::snapshot::Authority, sidecar::config::Protocol};

/// One request of one client.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub from: WorkloadId,
    /// Whom.
    pub to: Reached<'a>,
    /// The subset that a route names.
    pub subset: Option<&'a str>,
    /// The endpoint that is taken; all are looked at if `None`.
    pub endpoint: Option<WorkloadId>,
    /// What the client application speaks; what the port speaks if `None`.
    pub scheme: Option<Scheme>,
    /// The certificate that the client application presents, if it speaks TLS.
    pub certificate: Option<Certificate>,
    /// What the client application offers in its hello, if it speaks TLS.
    pub alpn: Vec<String>,
    /// The `Host` header or server name; the name that is called if `None`.
    pub authority: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// A request without anything special.
    pub fn new(from: WorkloadId, to: Reached<'a>) -> Self {
        let (subset, endpoint, scheme, certificate, alpn, authority) = (None, None, None, None, Vec::new(), None);
        Self { from, to, subset, endpoint, scheme, certificate, alpn, authority }
    }
}

/// What a request is sent to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reached<'a> {
    /// A name and a Service port.
    Host {
        /// The name, full or short.
        name: &'a str,
        /// The Service port.
        port: u16,
    },
    /// A bare pod address.
    Pod {
        /// The pod.
        workload: WorkloadId,
        /// The workload port.
        port: u16,
    },
}

/// What a client application speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// HTTP in plaintext.
    Http,
    /// HTTP in TLS; the server's certificate is not checked.
    Https,
    /// Bytes in plaintext.
    Tcp,
    /// Bytes in TLS; the server's certificate is not checked.
    Tls,
}

impl Scheme {
    pub(super) fn of(protocol: Protocol) -> Self {
        if protocol == Protocol::Tcp { Self::Tcp } else { Self::Http }
    }

    pub(in crate::mesh::policy) fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Tls)
    }

    pub(super) fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

/// A certificate that a client presents.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// Who issued it.
    pub authority: Authority,
    /// Its URI name; empty if it has none.
    pub uri: String,
}
