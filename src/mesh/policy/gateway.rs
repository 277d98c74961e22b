//! A gateway as a server: which of its listeners takes a connection, and what that does with it.

use super::{
    Endpoint, Index,
    reach::{Certificate, ForwardedClient, Prediction, Reached, Request, Scheme, Verdict},
};
use crate::mesh::{
    resources::{Destination, GatewayServer, Metadata, Resource, ServerTlsMode, VirtualService},
    snapshot::{Authority, Workload, contains},
};

/// A listener of a gateway, and whose it is.
struct Listener<'a> {
    gateway: &'a Metadata,
    server: &'a GatewayServer,
}

/// What a request sees that is sent to a gateway; `None` if no Gateway is about that port.
pub(super) fn reach(index: &Index, request: &Request<'_>, endpoint: Endpoint, service_port: u16) -> Option<Prediction> {
    let gateway = index.workload(endpoint.workload);
    let authority = authority(request);
    let listeners = listeners(index, gateway, &[service_port, endpoint.port]);
    let first = listeners.first()?;
    let reason = format!("{} listens on port {}", first.gateway, first.server.port.number);
    let fitting = listeners.iter().find(|listener| listener.answers_for(authority));
    let scheme = request.scheme.unwrap_or(Scheme::Http);
    let verdict = match (fitting, scheme.is_tls()) {
        (None, true) => return Some(Prediction::without_endpoint(Verdict::Reset, reason).at(endpoint, None)),
        (None, false) => Verdict::Http(404),
        (Some(listener), _) => return Some(listener.take(index, request, endpoint, authority, reason)),
    };
    Some(Prediction::without_endpoint(verdict, reason).at(endpoint, Some(first.gateway.clone())))
}

fn authority<'a>(request: &Request<'a>) -> &'a str {
    let called = match request.to {
        Reached::Host { name, .. } => name,
        Reached::Pod { .. } => "",
    };
    request.authority.unwrap_or(called)
}

fn listeners<'a>(index: &'a Index, gateway: &Workload, ports: &[u16]) -> Vec<Listener<'a>> {
    let mut gateways: Vec<_> = index.snapshot().gateways.iter().collect();
    gateways.sort_by(|a, b| a.metadata.by_age(&b.metadata));
    let selecting = gateways.into_iter().filter(|resource| contains(&gateway.labels, &resource.spec.selector));
    let all = selecting.flat_map(|resource| {
        resource.spec.servers.iter().map(|server| Listener { gateway: &resource.metadata, server })
    });
    all.filter(|listener| ports.iter().any(|&port| u32::from(port) == listener.server.port.number)).collect()
}

impl Listener<'_> {
    fn answers_for(&self, authority: &str) -> bool {
        self.server.hosts.iter().any(|host| {
            let pattern = host.split_once('/').map_or(host.as_str(), |(_, pattern)| pattern);
            host_matches(pattern, authority)
        })
    }

    fn take(&self, index: &Index, request: &Request<'_>, at: Endpoint, authority: &str, reason: String) -> Prediction {
        let tls = request.scheme.is_some_and(Scheme::is_tls);
        let mode = self.server.tls.as_ref().filter(|settings| !settings.https_redirect).map(|settings| settings.mode);
        let redirects = self.server.tls.as_ref().is_some_and(|settings| settings.https_redirect);
        let verdict = match (mode, tls) {
            (None, false) if redirects => Verdict::Http(301),
            (None, false) => return self.forward(index, request, at, authority, Verdict::Plaintext, reason),
            (None, true) => Verdict::TlsError,
            (Some(_), false) => Verdict::Reset,
            (Some(ServerTlsMode::Passthrough), true) => return self.pass_on(index, request, at, authority, reason),
            (Some(ServerTlsMode::AutoPassthrough), true) => {
                return pass_to_name(index, request, at, authority, &reason);
            }
            (Some(mode), true) => match admit(mode, index.workload(request.from), request.certificate.as_ref()) {
                Err(alert) => Verdict::TlsAlert(alert),
                Ok(()) => {
                    let client = index.workload(request.from);
                    let own = index.settings().identity(&client.namespace, &client.service_account).to_string();
                    let mutual = mode == ServerTlsMode::IstioMutual;
                    let seen = if mutual { Verdict::Mtls(own) } else { Verdict::TlsOnly };
                    return self.forward(index, request, at, authority, seen, reason);
                }
            },
        };
        Prediction::without_endpoint(verdict, reason).at(at, Some(self.gateway.clone()))
    }

    /// Sends a request on to where a VirtualService routes it: its failures are what the outside caller sees.
    fn forward(
        &self,
        index: &Index,
        request: &Request<'_>,
        at: Endpoint,
        authority: &str,
        verdict: Verdict,
        reason: String,
    ) -> Prediction {
        let routes = |resource: &Resource<VirtualService>| {
            let plain = resource.spec.http.iter().find(|route| route.is_plain());
            let route = plain.or(resource.spec.http.first())?;
            route.route.first().map(|route| route.destination.clone())
        };
        let Some((destination, owner)) = self.route(index, authority, routes) else {
            let reason = format!("{reason}, and no VirtualService routes {authority}");
            return Prediction::without_endpoint(Verdict::Http(404), reason).at(at, Some(self.gateway.clone()));
        };
        let Some(inner) = backend(index, at, &destination, owner, None, request) else {
            let reason = format!("{owner} routes to {}, which is no Service", destination.host);
            return Prediction::without_endpoint(Verdict::Http(503), reason).at(at, Some(self.gateway.clone()));
        };
        let forwarded: Option<ForwardedClient> = inner.forwarded.clone();
        let verdict = if inner.verdict.answered() { verdict } else { inner.verdict.clone() };
        let mut reasons = vec![reason, format!("{owner} routes to {}", destination.host)];
        reasons.extend(inner.reasons);
        Prediction {
            verdict,
            forwarded,
            reasons,
            flags: inner.flags,
            ..Prediction::without_endpoint(Verdict::Reset, String::new())
        }
        .at(at, Some(self.gateway.clone()))
    }

    /// Passes TLS on unopened, to where a VirtualService sends its server name.
    fn pass_on(
        &self,
        index: &Index,
        request: &Request<'_>,
        at: Endpoint,
        authority: &str,
        reason: String,
    ) -> Prediction {
        let routes = |resource: &Resource<VirtualService>| {
            let mut routes = resource.spec.tls.iter();
            let fitting = routes.find(|route| {
                route.matches.iter().any(|wanted| wanted.sni_hosts.iter().any(|host| host_matches(host, authority)))
            });
            fitting.and_then(|route| route.route.first()).map(|route| route.destination.clone())
        };
        let routed = self.route(index, authority, routes);
        let inner =
            routed.and_then(|(destination, owner)| backend(index, at, &destination, owner, Some(Scheme::Tls), request));
        match inner {
            Some(inner) => Prediction { reasons: [vec![reason], inner.reasons].concat(), ..inner },
            None => {
                Prediction::without_endpoint(Verdict::Reset, format!("{reason}, and no tls route is for {authority}"))
                    .at(at, Some(self.gateway.clone()))
            }
        }
    }

    fn route<'i>(
        &self,
        index: &'i Index,
        authority: &str,
        routes: impl Fn(&Resource<VirtualService>) -> Option<Destination>,
    ) -> Option<(Destination, &'i Metadata)> {
        let mut services: Vec<_> = index.snapshot().virtual_services.iter().collect();
        services.sort_by(|a, b| a.metadata.by_age(&b.metadata));
        let attached = services.into_iter().filter(|resource| {
            let own = &resource.metadata.namespace;
            let named = |name: &String| {
                let (namespace, name) = name.split_once('/').unwrap_or((own, name));
                namespace == self.gateway.namespace && name == self.gateway.name
            };
            resource.spec.gateways.iter().any(named)
                && resource.spec.hosts.iter().any(|host| host_matches(host, authority))
        });
        attached.filter_map(|resource| Some((routes(resource)?, &resource.metadata))).next()
    }
}

/// AUTO_PASSTHROUGH: the server name holds the destination, which must be able to do mutual TLS.
fn pass_to_name(index: &Index, request: &Request<'_>, at: Endpoint, authority: &str, reason: &str) -> Prediction {
    let closed = |reason| Prediction::without_endpoint(Verdict::Reset, reason).at(at, None);
    let parts: Vec<&str> = authority.splitn(4, '_').collect();
    let (Some(port), Some(host)) = (parts.get(1), parts.get(3)) else {
        return closed(format!("{reason}, and {authority} names no destination"));
    };
    let (port, host) = (port.trim_matches('.').parse().unwrap_or_default(), host.trim_start_matches('.'));
    let inner =
        Request { from: request.from, to: Reached::Host { name: host, port }, authority: None, ..request.clone() };
    let mut capable = index
        .reach(&inner)
        .into_iter()
        .filter(|prediction| prediction.endpoint.is_some_and(|endpoint| index.workload(endpoint).advertises_mtls()));
    capable.next().unwrap_or_else(|| closed(format!("{reason}, and {host} has no endpoint for mutual TLS")))
}

/// Whether a listener that terminates TLS lets a client in; if not, with which alert.
///
/// Offline nobody can look into the Secret: its CA is taken to be right for clients with a CA of their own.
fn admit(mode: ServerTlsMode, client: &Workload, certificate: Option<&Certificate>) -> Result<(), &'static str> {
    let authority = certificate.map(|certificate| certificate.authority);
    match (mode, authority) {
        (ServerTlsMode::Mutual, None) => Err("certificate_required"),
        (ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual, Some(Authority::Mesh)) => Err("unknown_ca"),
        (ServerTlsMode::IstioMutual, None) if !client.sidecar => Err("certificate_required"),
        (ServerTlsMode::IstioMutual, Some(authority)) if authority != Authority::Mesh => Err("unknown_ca"),
        _ => Ok(()),
    }
}

fn backend(
    index: &Index,
    at: Endpoint,
    destination: &Destination,
    owner: &Metadata,
    scheme: Option<Scheme>,
    request: &Request<'_>,
) -> Option<Prediction> {
    let host = super::destination::full_host(&destination.host, &owner.namespace, &index.settings().cluster_domain);
    let service = index.find_service(&owner.namespace, &host)?;
    let ports = &index.service(service).ports;
    let port = match destination.port {
        Some(wanted) => u16::try_from(wanted.number).ok()?,
        None => ports.first()?.port,
    };
    let inner = Request {
        subset: destination.subset.as_deref(),
        scheme,
        certificate: request.certificate.clone().filter(|_| scheme.is_some()),
        alpn: request.alpn.clone(),
        ..Request::new(at.workload, Reached::Host { name: &host, port })
    };
    let mut predictions = index.reach(&inner);
    predictions.sort_by_key(|prediction| prediction.verdict.answered());
    predictions.into_iter().next()
}

/// Whether a host pattern (exact, `*`, or `*` and a suffix) is for a name.
fn host_matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(suffix) => name.ends_with(suffix),
        None => pattern == name,
    }
}
