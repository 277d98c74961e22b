//! Why the upstream gave no answer: Envoy's response flags and bodies, and words a trainee understands.

use std::{error::Error, io, time::Duration};

use http::StatusCode;

use super::tls::{
    client::ConnectError,
    failure::{alert_name, describe, find},
};

/// What went wrong upstream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// No usable connection (`UF`).
    Connect {
        /// As Envoy reports it.
        reason: String,
        /// In words.
        words: String,
    },
    /// A route leads to a host that nobody knows (`NC`).
    NoCluster {
        /// The host.
        host: String,
    },
    /// No endpoint is ready (`UH`).
    NoEndpoint {
        /// The Service.
        host: String,
    },
    /// Nothing to forward to (`NR`).
    NoRoute,
    /// The upstream answered something that is not HTTP (`UPE`).
    Protocol {
        /// In words.
        words: String,
    },
    /// The connection stood, and ended before a response (`UC`).
    Terminated {
        /// In words.
        words: String,
    },
    /// A route's `timeout` has passed (`UT`).
    Timeout(Duration),
}

impl Failure {
    /// No TCP connection.
    pub fn connect(error: &io::Error) -> Self {
        let (reason, words) = match error.kind() {
            io::ErrorKind::ConnectionRefused => (
                "remote connection failure, transport failure reason: delayed connect error: Connection refused",
                "the connection was refused: nothing listens there".to_owned(),
            ),
            io::ErrorKind::TimedOut => {
                ("connection timeout", "the connection timed out: nobody answers at that address".to_owned())
            }
            _ => ("remote connection failure", format!("no connection could be made: {error}")),
        };
        Self::Connect { reason: reason.to_owned(), words }
    }

    /// No TLS connection on the TCP connection.
    pub fn handshake(error: &ConnectError) -> Self {
        const PREFIX: &str = "remote connection failure, transport failure reason: TLS_error:";
        match error {
            ConnectError::Handshake(error) => {
                let described = describe(error);
                Self::Connect { reason: format!("{PREFIX} {}", described.code), words: described.words }
            }
            ConnectError::Settings(error) => Self::Connect {
                reason: format!("{PREFIX} Secret is not supplied by SDS"),
                words: format!("the certificates for this connection cannot be used: {error}"),
            },
        }
    }

    /// No response on a connection that stood.
    pub fn exchange(error: &hyper::Error) -> Self {
        if error.is_parse() {
            return Self::Protocol { words: format!("the upstream did not answer in HTTP: {error}") };
        }
        let words = match find(error) {
            Some(rustls::Error::AlertReceived(alert)) => {
                format!("the upstream ended the connection with the TLS alert {}", alert_name(*alert))
            }
            _ if is_reset(error) => "the upstream reset the connection before it answered: \
                a server in STRICT mode does so to plaintext"
                .to_owned(),
            _ => "the upstream closed the connection before it answered".to_owned(),
        };
        Self::Terminated { words }
    }

    /// Envoy's response flags; `retried` if other attempts failed before this one.
    pub fn flags(&self, retried: bool) -> &'static str {
        match self {
            Self::Connect { .. } if retried => "UF,URX",
            Self::Connect { .. } => "UF",
            Self::NoCluster { .. } => "NC",
            Self::NoEndpoint { .. } => "UH",
            Self::NoRoute => "NR",
            Self::Protocol { .. } => "UPE",
            Self::Terminated { .. } => "UC",
            Self::Timeout(_) => "UT",
        }
    }

    /// The status an HTTP client gets.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Protocol { .. } => StatusCode::BAD_GATEWAY,
            Self::Connect { .. } | Self::NoCluster { .. } | Self::NoEndpoint { .. } | Self::Terminated { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The body an HTTP client gets, as Envoy writes it.
    pub fn body(&self, retried: bool) -> String {
        let reason = match self {
            Self::Connect { reason, .. } => reason,
            Self::NoEndpoint { .. } => return "no healthy upstream".to_owned(),
            Self::NoCluster { .. } | Self::NoRoute => return String::new(),
            Self::Timeout(_) => return "upstream request timeout".to_owned(),
            Self::Protocol { .. } => "protocol error",
            Self::Terminated { .. } => "connection termination",
        };
        let introduction = if retried && matches!(self, Self::Connect { .. }) {
            "retried and the latest reset reason"
        } else {
            "reset reason"
        };
        format!("upstream connect error or disconnect/reset before headers. {introduction}: {reason}")
    }

    /// The cause in words a trainee understands.
    pub fn words(&self) -> String {
        match self {
            Self::Connect { words, .. } | Self::Protocol { words } | Self::Terminated { words } => words.clone(),
            Self::NoCluster { host } => format!("a route leads to {host}, which is no Service of the mesh"),
            Self::NoEndpoint { host } => format!("{host} has no ready endpoint"),
            Self::NoRoute => "there is nothing that this request could be forwarded to".to_owned(),
            Self::Timeout(limit) => format!("no response had begun within the route's timeout of {limit:?}"),
        }
    }
}

/// Whether a reset is at the bottom of an error.
fn is_reset(error: &hyper::Error) -> bool {
    let mut next = error.source();
    while let Some(error) = next {
        let reset = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        if error.downcast_ref::<io::Error>().is_some_and(|error| reset.contains(&error.kind())) {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(failure: &Failure, retried: bool) -> String {
        let status = failure.status().as_u16();
        format!("{status} {}\n{}\n{}", failure.flags(retried), failure.body(retried), failure.words())
    }

    #[test]
    fn every_failure_is_named() {
        insta::assert_snapshot!(shown(&Failure::connect(&io::ErrorKind::ConnectionRefused.into()), false), @"
        503 UF
        upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused
        the connection was refused: nothing listens there
        ");
        let handshake = ConnectError::Handshake(io::Error::new(
            io::ErrorKind::InvalidData,
            rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
        ));
        insta::assert_snapshot!(shown(&Failure::handshake(&handshake), true), @"
        503 UF,URX
        upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure, transport failure reason: TLS_error: WRONG_VERSION_NUMBER
        the server did not answer in TLS: it speaks plaintext on this port
        ");
        insta::assert_snapshot!(shown(&Failure::NoEndpoint { host: "a.foo.svc.cluster.local".to_owned() }, false), @"
        503 UH
        no healthy upstream
        a.foo.svc.cluster.local has no ready endpoint
        ");
        insta::assert_snapshot!(shown(&Failure::Terminated { words: "the upstream closed the connection before it answered".to_owned() }, true), @"
        503 UC
        upstream connect error or disconnect/reset before headers. reset reason: connection termination
        the upstream closed the connection before it answered
        ");
        insta::assert_snapshot!(shown(&Failure::NoRoute, false), @"
        404 NR

        there is nothing that this request could be forwarded to
        ");
        insta::assert_snapshot!(shown(&Failure::NoCluster { host: "a.foo.svc.cluster.local".to_owned() }, false), @"
        503 NC

        a route leads to a.foo.svc.cluster.local, which is no Service of the mesh
        ");
        insta::assert_snapshot!(shown(&Failure::Timeout(Duration::from_millis(1500)), false), @"
        504 UT
        upstream request timeout
        no response had begun within the route's timeout of 1.5s
        ");
    }
}
