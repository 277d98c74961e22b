//! Where a connection or request goes.

mod change;
pub(crate) mod hosts;
mod matcher;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{
    StatusCode,
    uri::{Authority, PathAndQuery},
};

pub(crate) use self::matcher::Asked;
use self::{hosts::Host, matcher::Fit};
use super::{
    access_log::{Direction, Transport},
    config::{
        Protocol,
        routing::{self, Forward, RouteAction},
    },
    engine::Engine,
    failure::Failure,
    gateway::Door,
    snapshot::{Service, Snapshot, without_port},
    telemetry::{Labels, Series},
    upstream::{Cluster, Established, Upstream},
};
use crate::mesh::identity::SpiffeId;

/// How the requests of one HTTP connection find their endpoints.
pub(crate) enum Route {
    /// By their `Host` among the Services of the port that was dialled; what is unknown goes where it was dialled,
    /// in plaintext.
    ByHost(SocketAddr),
    /// All the same way. Inbound.
    Fixed(Arc<Cluster>),
    /// By what a Gateway's server says, as the configuration has it when they come.
    Gateway(Door),
    /// All to the Service port of this name, as the configuration has it when they come.
    Service(String, u16),
}

/// What happens to a request.
pub(crate) enum Decision {
    /// It goes to an upstream.
    Forward(Order),
    /// A route leads to this host, which nobody knows.
    NoCluster(String),
    /// No route is for it.
    NoRoute,
    /// The client is to go elsewhere.
    Redirect { status: StatusCode, location: String },
}

/// How a request goes to an upstream.
pub(crate) struct Order {
    pub destination: Destination,
    /// How long until a response begins, all attempts together.
    pub timeout: Option<Duration>,
    /// How often a connection is tried, if not as often as usual.
    pub attempts: Option<usize>,
    /// How long one attempt may take.
    pub per_try_timeout: Option<Duration>,
    /// What the upstream is told in place of the path and the query.
    pub path: Option<PathAndQuery>,
    /// What the upstream is told in place of the host.
    pub authority: Option<Authority>,
}

impl Order {
    /// As the client asked for it.
    pub fn plain(destination: Destination) -> Self {
        Self { destination, timeout: None, attempts: None, per_try_timeout: None, path: None, authority: None }
    }
}

/// The endpoints that can answer one request.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub cluster: Arc<Cluster>,
    /// The one endpoint that was dialled, for headless Services.
    only: Option<Arc<Upstream>>,
}

impl Destination {
    pub fn any_of(cluster: Arc<Cluster>) -> Self {
        Self { cluster, only: None }
    }

    /// What a Service offers to somebody who dialled `address`.
    pub fn of_service(service: &Service, address: SocketAddr) -> Self {
        let only = if service.headless { service.cluster.at(address).cloned() } else { None };
        Self { cluster: service.cluster.clone(), only }
    }

    /// The endpoint to try next.
    pub fn pick<'a>(&'a self, engine: &Engine) -> Result<&'a Arc<Upstream>, Failure> {
        match &self.only {
            Some(only) => Ok(only),
            None => self.cluster.pick(engine),
        }
    }

    /// Where outbound traffic over a connection to `upstream` is counted; `peer` is who proved to be there.
    pub fn series_of(&self, engine: &Engine, upstream: &Upstream, peer: Option<SpiffeId>) -> Arc<Series> {
        let transport = match &upstream.tls {
            None => Transport::Plaintext,
            Some(tls) if tls.is_mesh() => Transport::Mtls,
            Some(_) => Transport::Tls,
        };
        engine.telemetry.series(&Labels {
            direction: Direction::Outbound,
            transport: Some(transport),
            peer: peer.filter(|_| transport == Transport::Mtls),
            workload: upstream.workload.clone(),
            service: self.cluster.host.as_deref().map(Arc::from),
        })
    }

    /// Where opaque bytes are counted, once it is known whether somebody takes them.
    pub fn series_of_bytes(&self, engine: &Engine, connected: Option<(&Upstream, &Established)>) -> Arc<Series> {
        match connected {
            Some((upstream, established)) => self.series_of(engine, upstream, established.peer.clone()),
            None => self.unreached(engine).clone(),
        }
    }

    /// Where outbound traffic is counted that reached nobody.
    pub fn unreached(&self, engine: &Engine) -> &Arc<Series> {
        self.cluster.unreached.get(|| {
            engine.telemetry.series(&Labels {
                direction: Direction::Outbound,
                transport: None,
                peer: None,
                workload: None,
                service: self.cluster.host.as_deref().map(Arc::from),
            })
        })
    }
}

impl Route {
    /// What happens to a request.
    pub fn decide(&self, engine: &Engine, asked: &Asked<'_>) -> Decision {
        let plain = |destination| Decision::Forward(Order::plain(destination));
        match self {
            Self::Fixed(cluster) => plain(Destination::any_of(cluster.clone())),
            Self::ByHost(dialled) => {
                let snapshot = engine.snapshot();
                let service = snapshot.routes.called(dialled.port(), asked.authority);
                let called = service.and_then(|service| service.cluster.host.as_deref());
                match snapshot.hosts.find(called.unwrap_or_else(|| without_port(asked.authority))) {
                    Some(host) => by_host(&snapshot, host, asked),
                    None => plain(service.map_or_else(
                        || pass_through(engine, *dialled),
                        |found| Destination::of_service(found, *dialled),
                    )),
                }
            }
            Self::Gateway(door) => {
                let snapshot = engine.snapshot();
                let hosts = snapshot.gateway.hosts(door);
                let host = hosts.and_then(|hosts| hosts.find(without_port(asked.authority)));
                host.map_or(Decision::NoRoute, |host| by_host(&snapshot, host, asked))
            }
            Self::Service(name, port) => {
                let snapshot = engine.snapshot();
                match snapshot.hosts.find(name) {
                    Some(host) => by_host(&snapshot, host, asked),
                    None => plain(of_name(&snapshot, name, *port)),
                }
            }
        }
    }

    /// The port that was dialled, if anybody dialled one.
    pub fn port(&self) -> u16 {
        match self {
            Self::ByHost(dialled) => dialled.port(),
            Self::Fixed(_) => 0,
            Self::Gateway(door) => door.number,
            Self::Service(_, port) => *port,
        }
    }

    /// What clients call the way they came: `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Gateway(Door { server_name: Some(_), .. }) => "https",
            Self::ByHost(_) | Self::Fixed(_) | Self::Gateway(_) | Self::Service(..) => "http",
        }
    }
}

/// What the routes of a virtual host say about a request.
fn by_host(snapshot: &Snapshot, host: &Host, asked: &Asked<'_>) -> Decision {
    if host.https_redirect {
        return Decision::Redirect { status: StatusCode::MOVED_PERMANENTLY, location: change::by_https(asked) };
    }
    let Some((way, fit)) = host.way(asked) else { return Decision::NoRoute };
    match &way.action {
        RouteAction::Forward(forward) => match way.choose(&forward.destinations) {
            Some(chosen) => forward_to(snapshot, forward, chosen, fit, asked),
            None => Decision::NoRoute,
        },
        RouteAction::Redirect(redirect) => Decision::Redirect {
            status: StatusCode::from_u16(redirect.code).unwrap_or(StatusCode::MOVED_PERMANENTLY),
            location: change::location(redirect, asked),
        },
    }
}

fn forward_to(
    snapshot: &Snapshot,
    forward: &Forward,
    chosen: &routing::Destination,
    fit: Fit,
    asked: &Asked<'_>,
) -> Decision {
    let Some(destination) = chosen_service(snapshot, chosen, asked.port) else {
        return Decision::NoCluster(chosen.host.clone());
    };
    let retries = forward.retries.as_ref();
    Decision::Forward(Order {
        destination,
        timeout: forward.timeout,
        attempts: retries.map(|retries| match retries.on_connect_failure {
            true => retries.attempts as usize + 1,
            false => 1,
        }),
        per_try_timeout: retries.and_then(|retries| retries.per_try_timeout),
        path: forward.rewrite.as_ref().and_then(|rewrite| change::rewritten(rewrite, fit, asked.uri)),
        authority: forward.rewrite.as_ref().and_then(change::authority),
    })
}

/// The endpoints of a destination; its port is the one that was dialled unless it names one.
pub(crate) fn chosen_service(snapshot: &Snapshot, chosen: &routing::Destination, port: u16) -> Option<Destination> {
    let service = snapshot.routes.part(&chosen.host, chosen.port.unwrap_or(port), chosen.subset.as_deref())?;
    Some(Destination::any_of(service.cluster.clone()))
}

/// The Service port of this name, as the configuration has it now.
pub(crate) fn of_name(snapshot: &Snapshot, name: &str, port: u16) -> Destination {
    match snapshot.routes.named(name, port) {
        Some(service) => Destination::any_of(service.cluster.clone()),
        None => Destination::any_of(Arc::new(Cluster::service(name, Protocol::Detect, Vec::new()))),
    }
}

/// The address that was dialled, in plaintext.
pub(crate) fn pass_through(engine: &Engine, dialled: SocketAddr) -> Destination {
    Destination::any_of(engine.bare(dialled, None, Protocol::Detect))
}
