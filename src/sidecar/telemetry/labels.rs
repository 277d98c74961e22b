//! What tells series apart, in our terms and in Istio's.

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use super::series::Outcome;
use crate::{
    mesh::identity::SpiffeId,
    sidecar::access_log::{Direction, Transport},
};

/// What Istio writes where it knows nothing.
const UNKNOWN: &str = "unknown";
/// What Istio calls everything that is dialled and is no Service.
const PASS_THROUGH: &str = "PassthroughCluster";

/// What pods belong to: a Deployment, a StatefulSet, ..., or a pod that nobody made.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Workload {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// What tells the series of one sidecar apart. All of it is known when a connection stands.
///
/// Nothing of it is chosen by a stranger: identities have been proved, Services and workloads are those of the
/// configuration. So there are no more series than there are neighbours.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Labels {
    /// Inbound is counted by the destination, outbound by the source.
    pub direction: Direction,
    /// How the bytes travel between the pods; `None` if there was no connection to send them on.
    pub transport: Option<Transport>,
    /// Who is at the other end, if it proved that.
    pub peer: Option<SpiffeId>,
    /// Which workload is at the other end, if the configuration knows its address.
    pub workload: Option<Workload>,
    /// The Service that was called.
    pub service: Option<Arc<str>>,
}

impl Labels {
    /// Where everything is counted that would be one series too many.
    pub(super) fn overflow(&self) -> Self {
        Self { peer: None, workload: None, service: Some(Arc::from("other")), ..self.clone() }
    }

    /// Istio's labels, for a sidecar that is `own`.
    pub(super) fn text(&self, own: &Own) -> String {
        let secured = self.transport == Some(Transport::Mtls);
        let us = Party { workload: own.workload.as_ref(), principal: own.principal.as_ref().filter(|_| secured) };
        let them = Party { workload: self.workload.as_ref(), principal: self.peer.as_ref() };
        let (reporter, source, destination) = match self.direction {
            Direction::Inbound => ("destination", them, us),
            Direction::Outbound => ("source", us, them),
        };
        let mut text = format!("reporter=\"{reporter}\"");
        source.write("source", &mut text);
        destination.write("destination", &mut text);
        self.write_service(&mut text);
        add(&mut text, "connection_security_policy", self.policy());
        text
    }

    /// Istio leaves it to the destination to say how it was called: the source only knows what it asked for.
    fn policy(&self) -> &'static str {
        match (self.direction, self.transport) {
            (Direction::Outbound, _) => UNKNOWN,
            (Direction::Inbound, Some(Transport::Mtls)) => "mutual_tls",
            (Direction::Inbound, _) => "none",
        }
    }

    fn write_service(&self, text: &mut String) {
        let host = self.service.as_deref();
        let named = host.and_then(service_of);
        let fallback = if self.direction == Direction::Outbound { PASS_THROUGH } else { UNKNOWN };
        add(text, "destination_service", host.unwrap_or(UNKNOWN));
        add(text, "destination_service_name", named.map(|(name, _)| name).or(host).unwrap_or(fallback));
        add(text, "destination_service_namespace", named.map_or(UNKNOWN, |(_, namespace)| namespace));
    }
}

/// Who this sidecar is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Own {
    /// The workload that its pod belongs to, if it was told.
    pub workload: Option<Workload>,
    /// Its identity.
    pub principal: Option<SpiffeId>,
}

/// One end.
struct Party<'a> {
    workload: Option<&'a Workload>,
    principal: Option<&'a SpiffeId>,
}

impl Party<'_> {
    fn write(&self, end: &str, text: &mut String) {
        // A proved identity tells the namespace, even where the pod is not known.
        let namespace = self.workload.map(|workload| &*workload.namespace);
        let namespace = namespace.or(self.principal.map(|principal| principal.namespace.as_str()));
        add(text, &format!("{end}_workload"), self.workload.map_or(UNKNOWN, |workload| &workload.name));
        add(text, &format!("{end}_workload_namespace"), namespace.unwrap_or(UNKNOWN));
        let principal = self.principal.map(ToString::to_string);
        add(text, &format!("{end}_principal"), principal.as_deref().unwrap_or(UNKNOWN));
    }
}

/// Istio's labels of a request beside those of its connection.
pub(super) fn of_outcome(outcome: &Outcome) -> String {
    let mut text = String::new();
    add(&mut text, "request_protocol", if outcome.grpc.is_some() { "grpc" } else { "http" });
    add(&mut text, "response_code", &outcome.status.to_string());
    let grpc = outcome.grpc.flatten().map(|status| status.to_string());
    add(&mut text, "grpc_response_status", grpc.as_deref().unwrap_or_default());
    add(&mut text, "response_flags", if outcome.flags.is_empty() { "-" } else { outcome.flags });
    text
}

/// Istio's labels of an opaque connection beside those of all connections.
pub(super) fn of_opaque() -> String {
    let mut text = String::new();
    add(&mut text, "request_protocol", "tcp");
    add(&mut text, "response_flags", "-");
    text
}

fn add(text: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, ",{name}=\"{}\"", escape(value));
}

/// Escapes a label's value as the text format asks.
fn escape(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

/// The Service's name and namespace in `httpbin.foo.svc.cluster.local`.
pub fn service_of(host: &str) -> Option<(&str, &str)> {
    let mut parts = host.splitn(4, '.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(namespace), Some("svc")) => Some((name, namespace)),
        _ => None,
    }
}

/// Which workloads and Services stand behind the addresses of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    workloads: std::collections::HashMap<IpAddr, Workload>,
    services: std::collections::HashMap<SocketAddr, Arc<str>>,
}

impl Neighbours {
    /// Notes who answers at `address` for the Service `host`. The first Service of an address names it.
    pub fn add(&mut self, address: SocketAddr, host: &Arc<str>, workload: Option<&str>) {
        self.services.entry(address).or_insert_with(|| host.clone());
        if let (Some(name), Some((_, namespace))) = (workload, service_of(host)) {
            let made = || Workload { namespace: Arc::from(namespace), name: Arc::from(name) };
            self.workloads.entry(address.ip()).or_insert_with(made);
        }
    }

    /// The workload of the pod with this address.
    pub fn workload(&self, address: IpAddr) -> Option<&Workload> {
        self.workloads.get(&address.to_canonical())
    }

    /// The Service that leads to this address and port.
    pub fn service(&self, address: SocketAddr) -> Option<&Arc<str>> {
        self.services.get(&SocketAddr::new(address.ip().to_canonical(), address.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read_from_their_hosts() {
        assert_eq!(service_of("httpbin.foo.svc.cluster.local"), Some(("httpbin", "foo")));
        assert_eq!(service_of("httpbin.foo.svc"), Some(("httpbin", "foo")));
        assert_eq!(service_of("example.org"), None);
    }

    #[test]
    fn neighbours_are_known_by_their_addresses() {
        let mut known = Neighbours::default();
        let (address, host) = ("10.244.0.7:8080".parse().unwrap(), Arc::from("httpbin.foo.svc.cluster.local"));
        known.add(address, &host, Some("httpbin-v1"));
        let mapped: SocketAddr = "[::ffff:10.244.0.7]:8080".parse().unwrap();
        assert_eq!(known.service(mapped).map(|host| &**host), Some("httpbin.foo.svc.cluster.local"));
        let workload = known.workload(mapped.ip()).unwrap();
        assert_eq!((&*workload.namespace, &*workload.name), ("foo", "httpbin-v1"));
        assert_eq!(known.workload("10.244.0.8".parse().unwrap()), None);
    }
}
