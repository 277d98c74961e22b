//! What rules decide over a connection: what a kernel does with them, as a pure function.

use std::net::{IpAddr, SocketAddr};

use super::rules::{Condition, Hook, Rule, Table, Test, Verdict};

/// The first packet of a TCP connection.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it was dialled to.
    pub destination: SocketAddr,
    /// Whether it is for the namespace itself, so that it travels over the loopback interface.
    pub loopback: bool,
    /// The user of the program that dialled; 0 for a stranger's.
    pub uid: u32,
    /// The group of the program that dialled; 0 for a stranger's.
    pub gid: u32,
}

impl Table {
    /// The port of the namespace that the connection goes to instead; `None` if it goes where it was dialled.
    pub fn decide(&self, hook: Hook, packet: &Packet) -> Option<u16> {
        let rules = self.chains.iter().filter(|chain| chain.hook == hook).flat_map(|chain| &chain.rules);
        let first = rules.into_iter().find(|rule| rule.fits(packet))?;
        match first.verdict {
            Verdict::Redirect(port) => Some(port),
            Verdict::Return => None,
        }
    }
}

impl Rule {
    fn fits(&self, packet: &Packet) -> bool {
        self.conditions.iter().all(|condition| condition.holds(packet))
    }
}

impl Condition {
    fn holds(&self, packet: &Packet) -> bool {
        match *self {
            Self::Destination(test, range) => test.of(range.contains(packet.destination.ip())),
            Self::DestinationPort(test, port) => test.of(packet.destination.port() == port),
            Self::Group(test, gid) => test.of(packet.gid == gid),
            Self::Loopback => packet.loopback,
            Self::Source(range) => range.contains(packet.source),
            Self::Tcp => true,
            Self::User(test, uid) => test.of(packet.uid == uid),
        }
    }
}

impl Test {
    fn of(self, equal: bool) -> bool {
        equal == (self == Self::Is)
    }
}
