//! What the inbound side of a server does with what arrives: its mode, the port's protocol, the client's hello.

use super::{super::Endpoint, request::Certificate};
use crate::{
    mesh::{mode::Mode, policy::Index, resources::Metadata, snapshot::Authority},
    sidecar::config::Protocol,
};

/// Application protocols by which the mesh's own TLS is told from any other.
const MESH_ALPN: [&str; 5] = ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];

/// What arrives at a server.
#[derive(Clone, Debug)]
pub(in crate::mesh::policy) enum Arrival {
    /// Bytes of the application.
    Plaintext,
    /// A TLS hello.
    Tls(Presented),
}

/// What a client shows of itself in a TLS handshake.
#[derive(Clone, Debug, Default)]
pub struct Presented {
    /// The application protocols it offers.
    pub alpn: Vec<String>,
    /// The certificate it has.
    pub certificate: Option<Certificate>,
}

impl Arrival {
    pub(super) fn presented(&self) -> Option<&Certificate> {
        match self {
            Self::Plaintext => None,
            Self::Tls(presented) => presented.certificate.as_ref(),
        }
    }

    pub(super) fn has_certificate(&self) -> bool {
        self.presented().is_some()
    }
}

/// What a server does with what arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::mesh::policy) enum Answer {
    /// The proxy refuses the handshake.
    Alert(&'static str),
    /// The hello reaches the application.
    Application,
    /// The proxy closes the connection.
    Closed,
    /// The proxy takes the hello for a request, and it is none.
    Garbled,
    /// The proxy terminates mutual TLS.
    Mtls,
    /// The bytes reach the application.
    Plaintext,
}

/// What a server does, and why.
#[derive(Debug)]
pub(in crate::mesh::policy) struct Outcome {
    pub(in crate::mesh::policy) answer: Answer,
    pub(in crate::mesh::policy) by: Option<Metadata>,
    pub(in crate::mesh::policy) reasons: Vec<String>,
}

impl Index {
    /// What becomes of an arrival at an endpoint; `reasons` are those of the client.
    pub(in crate::mesh::policy) fn arrive(
        &self,
        endpoint: Endpoint,
        arrival: &Arrival,
        mut reasons: Vec<String>,
    ) -> Outcome {
        let server = &self.workload(endpoint.workload).name;
        let Some(decision) = self.server_mode(endpoint.workload, endpoint.port) else {
            reasons.push(format!("no sidecar takes port {} of {server}", endpoint.port));
            let answer = match arrival {
                Arrival::Plaintext => Answer::Plaintext,
                Arrival::Tls(_) => Answer::Application,
            };
            return Outcome { answer, by: None, reasons };
        };
        let protocol = self.inbound_protocol(endpoint.workload, endpoint.port);
        let answer = match arrival {
            Arrival::Plaintext if decision.value == Mode::Strict => Answer::Closed,
            Arrival::Plaintext => Answer::Plaintext,
            Arrival::Tls(presented) => self.handshake(decision.value, protocol, presented),
        };
        reasons.extend(decision.reasons);
        reasons.push(format!("{server} is {} on port {}: {}", decision.value, endpoint.port, explain(answer)));
        Outcome { answer, by: decision.by, reasons }
    }

    fn handshake(&self, mode: Mode, protocol: Protocol, presented: &Presented) -> Answer {
        let http = matches!(protocol, Protocol::Http | Protocol::Http2);
        let of_mesh = presented.alpn.iter().any(|offered| MESH_ALPN.contains(&offered.as_str()));
        match mode {
            Mode::Strict => self.verify(presented.certificate.as_ref()),
            Mode::Permissive if of_mesh => self.verify(presented.certificate.as_ref()),
            Mode::Permissive if http => Answer::Closed,
            Mode::Disable if http => Answer::Garbled,
            Mode::Disable | Mode::Permissive => Answer::Application,
        }
    }

    fn verify(&self, certificate: Option<&Certificate>) -> Answer {
        let Some(certificate) = certificate else { return Answer::Alert("certificate_required") };
        if certificate.authority != Authority::Mesh {
            return Answer::Alert("unknown_ca");
        }
        let rest = certificate.uri.strip_prefix("spiffe://");
        let domain = rest.and_then(|rest| rest.split_once('/')).map(|(domain, _)| domain);
        let known = domain.is_some_and(|domain| {
            let mut ours = self.settings().trust_domains().map(|ours| ours.replace('@', "."));
            ours.any(|ours| ours == domain)
        });
        if known { Answer::Mtls } else { Answer::Alert("certificate_unknown") }
    }
}

fn explain(answer: Answer) -> &'static str {
    match answer {
        Answer::Alert(_) => "no certificate that it accepts, the handshake is refused",
        Answer::Application => "the TLS bytes pass to the application untouched",
        Answer::Closed => "nothing that it accepts, the connection is closed",
        Answer::Garbled => "a TLS hello is not HTTP, a protocol error",
        Answer::Mtls => "mutual TLS is accepted",
        Answer::Plaintext => "plaintext is accepted",
    }
}
