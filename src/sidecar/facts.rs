//! What is known about a downstream connection, for the access log.

use std::net::SocketAddr;

use super::{
    access_log::{AccessLog, Direction, Transport},
    engine::Engine,
    telemetry::{Labels, Workload},
};
use crate::mesh::{identity::SpiffeId, mode::Mode};

/// A downstream connection as it is logged.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub direction: Direction,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    /// The workload's port, of an inbound connection.
    pub port: Option<u16>,
    /// The mode of that port when the connection was admitted.
    pub mode: Option<Mode>,
    pub transport: Transport,
    pub peer: Option<SpiffeId>,
}

impl Facts {
    /// A line with nothing in it but these facts.
    pub fn entry(&self) -> AccessLog {
        AccessLog {
            time: jiff::Timestamp::now(),
            direction: self.direction,
            source: self.source,
            destination: self.destination,
            upstream: None,
            host: None,
            mode: self.mode,
            transport: self.transport,
            peer: self.peer.clone(),
            request: None,
            status: None,
            flags: String::new(),
            cause: None,
            bytes_received: 0,
            bytes_sent: 0,
            duration_ms: 0,
        }
    }

    /// Where such a connection is counted, until it is known where it goes.
    pub fn labels(&self, engine: &Engine) -> Labels {
        let routes = engine.snapshot().routes.clone();
        let inbound = self.direction == Direction::Inbound;
        let neighbours = routes.neighbours();
        // An address proves nothing; it only tells which of the workloads with the proved identity it is.
        let proved =
            |workload: &&Workload| self.peer.as_ref().is_some_and(|peer| *peer.namespace == *workload.namespace);
        Labels {
            direction: self.direction,
            transport: Some(self.transport),
            peer: self.peer.clone(),
            workload: neighbours.workload(self.source.ip()).filter(proved).filter(|_| inbound).cloned(),
            service: neighbours.service(self.destination).filter(|_| inbound).cloned(),
        }
    }

    /// Logs and counts a connection that was not let in.
    pub fn refused(&self, engine: &Engine, cause: &str) {
        engine.telemetry.series(&self.labels(engine)).refuse();
        if engine.access_log {
            let mut entry = self.entry();
            "DPE".clone_into(&mut entry.flags);
            entry.cause = Some(cause.to_owned());
            engine.log(&entry);
        }
    }
}
