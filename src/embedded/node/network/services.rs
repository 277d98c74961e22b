//! What `kube-proxy` and the cluster's DNS know: virtual addresses with their ready endpoints, and names.
//!
//! Plain data, replaced as a whole when Services or pods change, so that readers never wait.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The Services of the cluster at one moment.
#[derive(Debug, Default)]
pub struct ServiceTable {
    /// Every virtual address and port.
    pub virtuals: HashMap<SocketAddrV4, Backends>,
    /// Every Service, by namespace and name.
    pub names: HashMap<(String, String), Record>,
}

/// The ready endpoints behind one port of a Service, used in turn.
#[derive(Clone, Debug, Default)]
pub struct Backends {
    endpoints: Vec<SocketAddrV4>,
    /// Shared with the next table, so that a change elsewhere does not start the turns anew.
    turn: Arc<AtomicUsize>,
}

/// What the name of a Service stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Record {
    /// Its virtual address.
    Cluster(Ipv4Addr),
    /// Another name (`type: ExternalName`).
    External(String),
    /// The ready pods (`clusterIP: None`), each with its own host name where it has one.
    Headless(Vec<(Ipv4Addr, Option<String>)>),
}

/// Where `kube-proxy` sends a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Choice {
    /// To this endpoint.
    Endpoint(SocketAddrV4),
    /// The Service has no ready endpoint, or no such port.
    Nobody,
    /// The address belongs to no Service.
    Unknown,
}

impl Backends {
    /// Starts with these endpoints; `previous` keeps the turns going.
    pub fn new(endpoints: Vec<SocketAddrV4>, previous: Option<&Self>) -> Self {
        Self { endpoints, turn: previous.map(|backends| backends.turn.clone()).unwrap_or_default() }
    }

    fn next(&self) -> Option<SocketAddrV4> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.endpoints.get(turn % self.endpoints.len().max(1)).copied()
    }
}

impl ServiceTable {
    /// Chooses an endpoint for a connection to `to`.
    pub fn choose(&self, to: SocketAddrV4) -> Choice {
        match self.virtuals.get(&to) {
            Some(backends) => backends.next().map_or(Choice::Nobody, Choice::Endpoint),
            None if self.is_virtual(*to.ip()) => Choice::Nobody,
            None => Choice::Unknown,
        }
    }

    fn is_virtual(&self, address: Ipv4Addr) -> bool {
        self.virtuals.keys().any(|known| *known.ip() == address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(10, 244, 0, last), port)
    }

    #[test]
    fn endpoints_take_turns_across_tables() {
        let vip = SocketAddrV4::new(Ipv4Addr::new(10, 96, 0, 9), 80);
        let table = |previous: Option<&ServiceTable>| {
            let previous = previous.and_then(|table| table.virtuals.get(&vip));
            let backends = Backends::new(vec![at(2, 8080), at(3, 8080)], previous);
            ServiceTable { virtuals: HashMap::from([(vip, backends)]), names: HashMap::new() }
        };
        let first = table(None);
        assert_eq!(first.choose(vip), Choice::Endpoint(at(2, 8080)));
        let second = table(Some(&first));
        assert_eq!(second.choose(vip), Choice::Endpoint(at(3, 8080)));
        assert_eq!(second.choose(vip), Choice::Endpoint(at(2, 8080)));
    }

    #[test]
    fn nobody_is_not_unknown() {
        let vip = SocketAddrV4::new(Ipv4Addr::new(10, 96, 0, 9), 80);
        let table = ServiceTable { virtuals: HashMap::from([(vip, Backends::default())]), names: HashMap::new() };
        assert_eq!(table.choose(vip), Choice::Nobody);
        assert_eq!(table.choose(SocketAddrV4::new(*vip.ip(), 81)), Choice::Nobody);
        assert_eq!(table.choose(at(2, 80)), Choice::Unknown);
    }
}
