//! What is known about a downstream connection, for the access log.

use std::net::SocketAddr;

use super::{
    access_log::{AccessLog, Direction, Transport},
    engine::Engine,
};
use crate::mesh::{identity::SpiffeId, mode::Mode};

/// A downstream connection as it is logged.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub direction: Direction,
    pub source: SocketAddr,
    pub destination: SocketAddr,
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

    /// Logs a connection that was not let in.
    pub fn refused(&self, engine: &Engine, cause: &str) {
        if engine.access_log {
            let mut entry = self.entry();
            "DPE".clone_into(&mut entry.flags);
            entry.cause = Some(cause.to_owned());
            engine.log(&entry);
        }
    }
}
