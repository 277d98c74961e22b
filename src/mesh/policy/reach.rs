//! What a request will see: the client's setting against the server's mode, as the tables of the semantics say.

mod inbound;
mod request;
mod trust;

use std::fmt;

pub use inbound::Presented;
pub(super) use inbound::{Answer, Arrival};
pub use request::{Certificate, Reached, Request, Scheme};

use super::{ClientSetting, Endpoint, Index, ServiceId, Target, WorkloadId, gateway};
use crate::{
    mesh::{
        resources::ClientTlsMode,
        snapshot::{Role, Workload},
    },
    sidecar::config::Protocol,
};

/// What the client of a request sees, in the words of a probe.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The name does not exist.
    Dns,
    /// The gateway or the client's own proxy answered in the server's place.
    Http(u16),
    /// Answered, by mutual TLS of the mesh in which the client proved to be this (its URI name).
    Mtls(String),
    /// The Service has no ready pod.
    NoEndpoint,
    /// Answered, without TLS of the mesh.
    Plaintext,
    /// Nobody listens.
    Refused,
    /// The connection was closed without an answer.
    Reset,
    /// The TLS handshake was refused with an alert.
    TlsAlert(&'static str),
    /// The TLS handshake failed otherwise.
    TlsError,
    /// Answered, by TLS that is not the mesh's mutual TLS.
    TlsOnly,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns => f.write_str("dns"),
            Self::Http(status) => write!(f, "http({status})"),
            Self::Mtls(client) => write!(f, "mtls({client})"),
            Self::NoEndpoint => f.write_str("no-endpoint"),
            Self::Plaintext => f.write_str("plaintext"),
            Self::Refused => f.write_str("refused"),
            Self::Reset => f.write_str("reset"),
            Self::TlsAlert(name) => write!(f, "tls-alert({name})"),
            Self::TlsError => f.write_str("tls-error"),
            Self::TlsOnly => f.write_str("tls-only"),
        }
    }
}

impl Verdict {
    /// Whether the server application answered.
    pub fn answered(&self) -> bool {
        matches!(self, Self::Mtls(_) | Self::Plaintext | Self::TlsOnly)
    }
}

/// Whom the server application takes its caller for (`X-Forwarded-Client-Cert`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ForwardedClient {
    /// The server's own identity.
    pub by: String,
    /// The client's identity.
    pub uri: String,
}

/// What one request will see at one endpoint, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// What the client sees.
    pub verdict: Verdict,
    /// The response flags in the access log of the client's proxy; empty if all goes well.
    pub flags: &'static str,
    /// What the server application is told of its caller; `None` if nothing.
    pub forwarded: Option<ForwardedClient>,
    /// The pod that is reached, if one is.
    pub endpoint: Option<WorkloadId>,
    /// The resource that decided the server's mode, and the rule that decided the client's setting, if any did.
    pub decided_by: Vec<crate::mesh::resources::Metadata>,
    /// Why, from the client to the server.
    pub reasons: Vec<String>,
}

/// A failed connection between the proxy of a client and a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Failure {
    /// The server closed an established connection before it answered.
    Closed,
    /// No connection stood: TLS failed.
    Tls,
}

impl Failure {
    fn flags(self) -> &'static str {
        match self {
            Self::Closed => "UC",
            Self::Tls => "UF,URX",
        }
    }
}

impl Index {
    /// Predicts what a client sees that calls `host`:`port` in the plainest way: one prediction per endpoint.
    pub fn predict(&self, client: WorkloadId, host: &str, port: u16) -> Vec<Prediction> {
        self.reach(&Request::new(client, Reached::Host { name: host, port }))
    }

    /// Predicts what the client of a request sees, one prediction per endpoint that may be taken.
    ///
    /// Never answers an empty list: a name that does not exist or has no endpoint is a verdict too.
    pub fn reach(&self, request: &Request<'_>) -> Vec<Prediction> {
        match request.to {
            Reached::Pod { workload, port } => vec![self.reach_pod(request, workload, port)],
            Reached::Host { name, port } => match self.find_service(&self.workload(request.from).namespace, name) {
                Some(service) => self.reach_service(request, Target { service, port, subset: request.subset }),
                None => vec![Prediction::without_endpoint(Verdict::Dns, format!("no Service is called {name}"))],
            },
        }
    }

    fn reach_service(&self, request: &Request<'_>, target: Target<'_>) -> Vec<Prediction> {
        let client = self.workload(request.from);
        let Some(port) = self.service_port(target) else {
            let reason = format!("{} has no port {}", self.service(target.service).host, target.port);
            return vec![Prediction::without_endpoint(Verdict::Refused, reason)];
        };
        let scheme = request.scheme.unwrap_or_else(|| Scheme::of(port.protocol));
        let leg = Leg { client, request, scheme, protocol: port.protocol };
        let mut endpoints = self.target_endpoints(client, target);
        endpoints.retain(|endpoint| request.endpoint.is_none_or(|wanted| wanted == endpoint.workload));
        endpoints.retain(|endpoint| self.workload(endpoint.workload).ready);
        if endpoints.is_empty() {
            return vec![self.nobody(&leg, target.service)];
        }
        endpoints.into_iter().map(|endpoint| self.reach_endpoint(&leg, target, endpoint)).collect()
    }

    fn nobody(&self, leg: &Leg<'_>, service: ServiceId) -> Prediction {
        let data = self.service(service);
        if data.external {
            let verdict = if leg.scheme.is_tls() { Verdict::TlsOnly } else { Verdict::Plaintext };
            return Prediction::without_endpoint(verdict, format!("{} lies outside the mesh", data.host));
        }
        let prediction =
            Prediction::without_endpoint(Verdict::NoEndpoint, format!("{} has no ready endpoint", data.host));
        Prediction { flags: if leg.client.sidecar { "UH" } else { "" }, ..prediction }
    }

    fn reach_endpoint(&self, leg: &Leg<'_>, target: Target<'_>, endpoint: Endpoint) -> Prediction {
        let server = self.workload(endpoint.workload);
        if server.role == Role::Gateway {
            let service_port = target.port;
            if let Some(prediction) = gateway::reach(self, leg.request, endpoint, service_port) {
                return prediction;
            }
        }
        let setting = self.client_setting(leg.request.from, target, Some(endpoint));
        let mut prediction = match (leg.client.sidecar, setting.mode) {
            (false, _) => self.direct(leg, endpoint, setting.reasons.clone()),
            (true, ClientTlsMode::Disable) => self.unsecured(leg, endpoint, setting.reasons.clone()),
            (true, _) => self.secured(leg, &setting, endpoint),
        };
        prediction.decided_by.extend(setting.rule);
        prediction
    }

    fn reach_pod(&self, request: &Request<'_>, workload: WorkloadId, port: u16) -> Prediction {
        let (client, server) = (self.workload(request.from), self.workload(workload));
        let declared = match self.inbound_protocol(workload, port) {
            Protocol::Detect => server.port(port).map_or(Protocol::Detect, |port| port.protocol),
            named => named,
        };
        let scheme = request.scheme.unwrap_or_else(|| Scheme::of(declared));
        let endpoint = Endpoint { workload, port };
        if !client.sidecar {
            let leg = Leg { client, request, scheme, protocol: declared };
            return self.direct(&leg, endpoint, vec!["the client has no sidecar".to_owned()]);
        }
        // The outbound side speaks HTTP to a bare address only if some Service has that port number for HTTP.
        let http = self.services().any(|service| {
            let service = self.service(service);
            let spoken = |number: u16, protocol| number == port && protocol != Protocol::Tcp;
            service.visible_to(&client.namespace)
                && service.ports.iter().any(|candidate| spoken(candidate.port, candidate.protocol))
        });
        let protocol = if http { Protocol::Detect } else { Protocol::Tcp };
        let leg = Leg { client, request, scheme, protocol };
        self.unsecured(&leg, endpoint, vec!["a bare pod address is passed through as it came".to_owned()])
    }

    /// A client without sidecar: what the server does is what the client sees.
    fn direct(&self, leg: &Leg<'_>, endpoint: Endpoint, reasons: Vec<String>) -> Prediction {
        let arrival = leg.own_arrival();
        let outcome = self.arrive(endpoint, &arrival, reasons);
        let server = self.workload(endpoint.workload);
        let application = server.port(endpoint.port).and_then(|port| port.tls.as_ref());
        let verdict = match outcome.answer {
            Answer::Plaintext if application.is_none() => Verdict::Plaintext,
            Answer::Application => match application {
                Some(tls) if tls.client_certificate && !arrival.has_certificate() => {
                    Verdict::TlsAlert("certificate_required")
                }
                Some(_) => Verdict::TlsOnly,
                None => Verdict::TlsError,
            },
            Answer::Alert(name) => Verdict::TlsAlert(name),
            Answer::Garbled => Verdict::TlsError,
            Answer::Mtls if application.is_none() => {
                Verdict::Mtls(arrival.presented().map(|certificate| certificate.uri.clone()).unwrap_or_default())
            }
            Answer::Closed | Answer::Mtls | Answer::Plaintext => Verdict::Reset,
        };
        self.seen(leg, endpoint, verdict, outcome)
    }

    /// A client whose sidecar sends on what the application wrote.
    fn unsecured(&self, leg: &Leg<'_>, endpoint: Endpoint, reasons: Vec<String>) -> Prediction {
        if leg.scheme.is_tls() {
            return match leg.garbled(endpoint) {
                Some(prediction) => prediction,
                None => self.direct(leg, endpoint, reasons),
            };
        }
        let outcome = self.arrive(endpoint, &Arrival::Plaintext, reasons);
        let server = self.workload(endpoint.workload);
        let application = server.port(endpoint.port).and_then(|port| port.tls.as_ref());
        match outcome.answer {
            Answer::Plaintext if application.is_none() => self.seen(leg, endpoint, Verdict::Plaintext, outcome),
            _ => leg.failure(Failure::Closed, outcome.reasons).at(endpoint, outcome.by),
        }
    }

    /// A client whose sidecar makes TLS.
    fn secured(&self, leg: &Leg<'_>, setting: &ClientSetting, endpoint: Endpoint) -> Prediction {
        if leg.scheme.is_tls()
            && let Some(prediction) = leg.garbled(endpoint)
        {
            return prediction;
        }
        let arrival = Arrival::Tls(self.presented(leg.client, setting));
        let mut outcome = self.arrive(endpoint, &arrival, setting.reasons.clone());
        let server = self.workload(endpoint.workload);
        let application = server.port(endpoint.port).and_then(|port| port.tls.as_ref());
        let refusal = match outcome.answer {
            Answer::Mtls => self.distrusts_proxy(setting, server),
            Answer::Application => match application {
                Some(tls) => self.distrusts_application(setting, server, tls),
                None => Some("the server answers in plaintext: WRONG_VERSION_NUMBER".to_owned()),
            },
            _ => Some("the handshake fails".to_owned()),
        };
        if let Some(reason) = refusal {
            outcome.reasons.push(reason);
            return leg.failure(Failure::Tls, outcome.reasons).at(endpoint, outcome.by);
        }
        if outcome.answer == Answer::Application {
            return self.seen(leg, endpoint, Verdict::TlsOnly, outcome);
        }
        // Inside mutual TLS the application's own TLS, or the lack of it, must agree with that of the server.
        let verdict = match (leg.scheme.is_tls(), application.is_some()) {
            (true, false) => Verdict::TlsError,
            (false, true) => return leg.failure(Failure::Closed, outcome.reasons).at(endpoint, outcome.by),
            _ => Verdict::Mtls(arrival.presented().map(|certificate| certificate.uri.clone()).unwrap_or_default()),
        };
        self.seen(leg, endpoint, verdict, outcome)
    }

    fn seen(&self, leg: &Leg<'_>, endpoint: Endpoint, verdict: Verdict, outcome: inbound::Outcome) -> Prediction {
        let server = self.workload(endpoint.workload);
        let http = self.inbound_protocol(endpoint.workload, endpoint.port) != Protocol::Tcp && leg.scheme.is_http();
        let forwarded = match &verdict {
            Verdict::Mtls(uri) if http => {
                let by = self.settings().identity(&server.namespace, &server.service_account).to_string();
                Some(ForwardedClient { by, uri: uri.clone() })
            }
            _ => None,
        };
        let prediction = Prediction::without_endpoint(verdict, String::new());
        Prediction { forwarded, reasons: outcome.reasons, ..prediction }.at(endpoint, outcome.by)
    }
}

/// The way from a client to a server, whichever endpoint is taken.
struct Leg<'a> {
    client: &'a Workload,
    request: &'a Request<'a>,
    scheme: Scheme,
    /// What the client's side takes the port to speak.
    protocol: Protocol,
}

impl Leg<'_> {
    /// What the client application itself puts on the wire.
    fn own_arrival(&self) -> Arrival {
        match self.scheme.is_tls() {
            true => Arrival::Tls(Presented {
                alpn: self.request.alpn.clone(),
                certificate: self.request.certificate.clone(),
            }),
            false => Arrival::Plaintext,
        }
    }

    /// What the client of a sidecar sees of a failed connection: a 503 where HTTP is spoken, else a closed connection.
    fn failure(&self, failure: Failure, reasons: Vec<String>) -> Prediction {
        let http = self.scheme == Scheme::Http && self.protocol != Protocol::Tcp;
        let verdict = if http { Verdict::Http(503) } else { Verdict::Reset };
        Prediction { flags: failure.flags(), reasons, ..Prediction::without_endpoint(verdict, String::new()) }
    }

    /// TLS of the application on a port declared HTTP: its own sidecar reads a hello where it expects a request.
    fn garbled(&self, endpoint: Endpoint) -> Option<Prediction> {
        let declared = matches!(self.protocol, Protocol::Http | Protocol::Http2);
        declared.then(|| {
            let reason = "the client's sidecar expects HTTP on this port and reads a TLS hello".to_owned();
            Prediction::without_endpoint(Verdict::TlsError, reason).at(endpoint, None)
        })
    }
}

impl Prediction {
    pub(super) fn without_endpoint(verdict: Verdict, reason: String) -> Self {
        let reasons = if reason.is_empty() { Vec::new() } else { vec![reason] };
        Self { verdict, flags: "", forwarded: None, endpoint: None, decided_by: Vec::new(), reasons }
    }

    pub(super) fn at(mut self, endpoint: Endpoint, by: Option<crate::mesh::resources::Metadata>) -> Self {
        self.endpoint = Some(endpoint.workload);
        self.decided_by.extend(by);
        self
    }
}
