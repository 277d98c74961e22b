//! What a port does with a client, as a pure function of its mode, its protocol and the client's first bytes.
//!
//! Source: Istio's inbound filter chains.

use crate::{
    mesh::mode::Mode,
    sidecar::config::{InboundPort, Protocol},
};

/// What a client begins with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Seen {
    /// Anything but TLS.
    Plaintext,
    /// TLS.
    Tls {
        /// Whether a protocol is offered that only sidecars offer.
        istio: bool,
    },
}

/// What is done with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// An HTTP server reads the ClientHello, and cannot.
    AnswerBadRequest,
    /// Plaintext: HTTP if it looks like it, else bytes.
    Detect,
    /// Plaintext HTTP.
    Http,
    /// Bytes go to the application as they are.
    Pass,
    /// The connection is reset, for this reason.
    Refuse(&'static str),
    /// The TLS ends here, with a client certificate.
    Terminate(Inside),
}

/// What is spoken inside the mutual TLS that ends here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inside {
    /// HTTP if the client offered an istio protocol that says so, else bytes.
    AsOffered,
    /// Bytes.
    Bytes,
    /// HTTP.
    Http,
}

impl From<Protocol> for Inside {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Detect => Self::AsOffered,
            Protocol::Http | Protocol::Http2 => Self::Http,
            Protocol::Tcp => Self::Bytes,
        }
    }
}

/// Whether the first bytes matter; where they do not, servers may speak first.
pub fn looks_first(port: InboundPort) -> bool {
    !matches!(port, InboundPort { mode: Mode::Disable, protocol: Protocol::Tcp })
}

/// Whether a connection that was admitted under `before` would be treated the same under `after`.
///
/// `seen` is what the client began with, if that was looked at.
pub fn alike(before: InboundPort, after: InboundPort, seen: Option<Seen>) -> bool {
    match seen {
        Some(seen) => action(before, seen) == action(after, seen),
        None => looks_first(before) == looks_first(after),
    }
}

/// Decides.
pub fn action(port: InboundPort, seen: Seen) -> Action {
    let http = matches!(port.protocol, Protocol::Http | Protocol::Http2);
    match (port.mode, seen) {
        (Mode::Strict, Seen::Plaintext) => {
            Action::Refuse("the port's mode is STRICT and the client spoke plaintext, so the connection was reset")
        }
        (Mode::Strict, Seen::Tls { .. }) | (Mode::Permissive, Seen::Tls { istio: true }) => {
            Action::Terminate(port.protocol.into())
        }
        (Mode::Permissive, Seen::Tls { istio: false }) if http => Action::Refuse(
            "the client spoke TLS without a protocol of the mesh to an HTTP port whose mode is PERMISSIVE: \
             only plaintext and the mesh's mutual TLS are accepted there",
        ),
        (Mode::Disable, Seen::Tls { .. }) if http => Action::AnswerBadRequest,
        (Mode::Permissive | Mode::Disable, Seen::Tls { .. }) => Action::Pass,
        (Mode::Permissive | Mode::Disable, Seen::Plaintext) => match port.protocol {
            Protocol::Detect => Action::Detect,
            Protocol::Http | Protocol::Http2 => Action::Http,
            Protocol::Tcp => Action::Pass,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the semantics, section 6: what is done with plaintext, TLS of the mesh, other TLS.
    #[test]
    fn ports_admit_as_istio_does() {
        use Action::{AnswerBadRequest, Detect, Http, Pass, Refuse, Terminate};
        let strict = "the port's mode is STRICT and the client spoke plaintext, so the connection was reset";
        let unmatched = "the client spoke TLS without a protocol of the mesh to an HTTP port whose mode is PERMISSIVE: \
                         only plaintext and the mesh's mutual TLS are accepted there";
        let table = [
            (Mode::Strict, Protocol::Http, [Refuse(strict), Terminate(Inside::Http), Terminate(Inside::Http)]),
            (Mode::Strict, Protocol::Tcp, [Refuse(strict), Terminate(Inside::Bytes), Terminate(Inside::Bytes)]),
            (
                Mode::Strict,
                Protocol::Detect,
                [Refuse(strict), Terminate(Inside::AsOffered), Terminate(Inside::AsOffered)],
            ),
            (Mode::Permissive, Protocol::Http, [Http, Terminate(Inside::Http), Refuse(unmatched)]),
            (Mode::Permissive, Protocol::Http2, [Http, Terminate(Inside::Http), Refuse(unmatched)]),
            (Mode::Permissive, Protocol::Tcp, [Pass, Terminate(Inside::Bytes), Pass]),
            (Mode::Permissive, Protocol::Detect, [Detect, Terminate(Inside::AsOffered), Pass]),
            (Mode::Disable, Protocol::Http, [Http, AnswerBadRequest, AnswerBadRequest]),
            (Mode::Disable, Protocol::Tcp, [Pass, Pass, Pass]),
            (Mode::Disable, Protocol::Detect, [Detect, Pass, Pass]),
        ];
        for (mode, protocol, expected) in table {
            let port = InboundPort { mode, protocol };
            let clients = [Seen::Plaintext, Seen::Tls { istio: true }, Seen::Tls { istio: false }];
            assert_eq!(clients.map(|seen| action(port, seen)), expected, "{mode} {protocol:?}");
        }
    }
}
