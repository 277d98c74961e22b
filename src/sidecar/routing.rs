//! Where a connection or request goes.

use std::{net::SocketAddr, sync::Arc};

use super::{
    access_log::{Direction, Transport},
    config::Protocol,
    engine::Engine,
    failure::Failure,
    snapshot::Service,
    telemetry::{Labels, Series},
    upstream::{Cluster, Upstream},
};
use crate::mesh::identity::SpiffeId;

/// How the requests of one HTTP connection find their endpoints.
pub(crate) enum Route {
    /// By their `Host` among the Services of the port that was dialled; what is unknown goes where it was dialled,
    /// in plaintext.
    ByHost(SocketAddr),
    /// All the same way. Inbound.
    Fixed(Arc<Cluster>),
    /// All to the Service port of this name, as the configuration has it when they come.
    Service(String, u16),
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
    /// Where a request for `authority` goes.
    pub fn destination(&self, engine: &Engine, authority: Option<&str>) -> Destination {
        match self {
            Self::Fixed(cluster) => Destination::any_of(cluster.clone()),
            Self::ByHost(dialled) => {
                let routes = engine.snapshot().routes.clone();
                let service = authority.and_then(|authority| routes.called(dialled.port(), authority));
                service.map_or_else(|| pass_through(engine, *dialled), |found| Destination::of_service(found, *dialled))
            }
            Self::Service(host, port) => match engine.snapshot().routes.named(host, *port) {
                Some(service) => Destination::any_of(service.cluster.clone()),
                None => Destination::any_of(Arc::new(Cluster::service(host, Protocol::Detect, Vec::new()))),
            },
        }
    }
}

/// The address that was dialled, in plaintext.
pub(crate) fn pass_through(engine: &Engine, dialled: SocketAddr) -> Destination {
    Destination::any_of(engine.bare(dialled, None, Protocol::Detect))
}
