//! The rules that a [`Redirect`] means, one for one those that `istio-iptables` writes, in the same order.
//!
//! Istio spreads them over four chains that jump to one another. Here they stand in the two chains that the kernel
//! enters, which is the same decision and easier to read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{IpRange, Ports, Ranges, Redirect};

/// The name of the tables, so that they are in nobody's way.
pub const TABLE: &str = "labctl";

/// Where Istio's ambient mesh receives its tunnels: never redirected.
const TUNNEL_PORT: u16 = 15008;

/// The rules for one family of addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table {
    /// Which connections it sees.
    pub family: Family,
    /// What it does with them.
    pub chains: Vec<Chain>,
}

/// A family of addresses. The kernel has a table for each, because `nat` for both at once is younger (Linux 5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
}

/// Rules that are tried one after the other at the first packet of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chain {
    /// Which connections are put to it.
    pub hook: Hook,
    /// The first that fits decides; if none does, the connection goes where it was dialled.
    pub rules: Vec<Rule>,
}

/// Where the kernel comes by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hook {
    /// A program of the namespace makes a connection.
    Output,
    /// A connection comes in over an interface.
    Prerouting,
}

/// One rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// All of these have to hold.
    pub conditions: Vec<Condition>,
    /// What happens then.
    pub verdict: Verdict,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    /// Where the connection was dialled to.
    Destination(Test, IpRange),
    /// Its TCP port.
    DestinationPort(Test, u16),
    /// The group of the program that dialled.
    Group(Test, u32),
    /// It leaves over the loopback interface: it is for this namespace itself.
    Loopback,
    /// The address it comes from.
    Source(IpRange),
    /// It is TCP.
    Tcp,
    /// The user of the program that dialled.
    User(Test, u32),
}

/// How a value has to compare.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Test {
    /// It is this one, or in this range.
    Is,
    /// It is any other.
    IsNot,
}

/// What a rule decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The connection goes to this port of the namespace instead.
    Redirect(u16),
    /// The connection goes where it was dialled.
    Return,
}

impl Family {
    /// The one address that programs call `localhost`.
    fn localhost(self) -> IpAddr {
        match self {
            Self::Ip => Ipv4Addr::LOCALHOST.into(),
            Self::Ip6 => Ipv6Addr::LOCALHOST.into(),
        }
    }

    /// The source address with which a sidecar reaches its own application (Istio's `InboundPassthroughCluster`).
    pub fn passthrough(self) -> IpAddr {
        match self {
            Self::Ip => Ipv4Addr::new(127, 0, 0, 6).into(),
            Self::Ip6 => Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6).into(),
        }
    }

    fn has(self, range: IpRange) -> bool {
        range.network().is_ipv4() == (self == Self::Ip)
    }
}

impl Redirect {
    /// The rules for one family of addresses.
    pub fn table(&self, family: Family) -> Table {
        let chains = vec![
            Chain { hook: Hook::Output, rules: self.outbound(family) },
            Chain { hook: Hook::Prerouting, rules: self.inbound() },
        ];
        Table { family, chains }
    }

    fn outbound(&self, family: Family) -> Vec<Rule> {
        use Condition::{Destination, DestinationPort, Group, Loopback, Source, Tcp, User};
        let localhost = IpRange::of(family.localhost());
        let pass = |conditions: &[Condition]| Rule::new(conditions, Verdict::Return);
        let mut rules: Vec<Rule> =
            self.exclude_outbound.iter().map(|&port| pass(&[DestinationPort(Test::Is, port)])).collect();
        rules.push(pass(&[Loopback, Source(IpRange::of(family.passthrough()))]));
        for owner in [User(Test::Is, self.exempt_uid), Group(Test::Is, self.exempt_gid)] {
            // A sidecar that calls its own pod's address is a client of its own application: it enters like any other.
            let tunnel = DestinationPort(Test::IsNot, TUNNEL_PORT);
            let own_pod = [Loopback, Destination(Test::IsNot, localhost), tunnel, owner];
            rules.push(Rule::new(&own_pod, Verdict::Redirect(self.inbound_port)));
            if !self.redirects_loopback() {
                rules.push(pass(&[Loopback, owner.negated()]));
            }
            rules.push(pass(&[owner]));
        }
        rules.push(pass(&[Destination(Test::Is, localhost)]));
        let of_family = |ranges: &[IpRange]| -> Vec<IpRange> {
            ranges.iter().copied().filter(|&range| family.has(range)).collect()
        };
        let excluded = of_family(&self.exclude_outbound_ranges);
        rules.extend(excluded.into_iter().map(|range| pass(&[Destination(Test::Is, range)])));
        let redirect = Verdict::Redirect(self.outbound_port);
        match &self.include_outbound_ranges {
            Ranges::All => rules.push(Rule::new(&[Tcp], redirect)),
            Ranges::Only(ranges) => {
                let included = of_family(ranges).into_iter();
                rules.extend(included.map(|range| Rule::new(&[Destination(Test::Is, range), Tcp], redirect)));
            }
        }
        rules
    }

    fn inbound(&self) -> Vec<Rule> {
        let redirect = Verdict::Redirect(self.inbound_port);
        let port = |port, verdict| Rule::new(&[Condition::DestinationPort(Test::Is, port)], verdict);
        let mut rules = vec![port(TUNNEL_PORT, Verdict::Return)];
        match &self.include_inbound {
            Ports::All => {
                rules.extend(self.exclude_inbound.iter().map(|&excluded| port(excluded, Verdict::Return)));
                rules.push(Rule::new(&[Condition::Tcp], redirect));
            }
            Ports::Only(ports) => rules.extend(ports.iter().map(|&included| port(included, redirect))),
        }
        rules
    }

    /// Whether loopback addresses were asked for by name: then the namespace's calls to itself are redirected, too.
    fn redirects_loopback(&self) -> bool {
        match &self.include_outbound_ranges {
            Ranges::All => false,
            Ranges::Only(ranges) => ranges.iter().any(|range| range.network().is_loopback()),
        }
    }
}

impl Rule {
    fn new(conditions: &[Condition], verdict: Verdict) -> Self {
        Self { conditions: conditions.to_vec(), verdict }
    }
}

impl Condition {
    /// The opposite, of those that have one.
    fn negated(self) -> Self {
        match self {
            Self::Destination(test, range) => Self::Destination(test.negated(), range),
            Self::DestinationPort(test, port) => Self::DestinationPort(test.negated(), port),
            Self::Group(test, gid) => Self::Group(test.negated(), gid),
            Self::User(test, uid) => Self::User(test.negated(), uid),
            Self::Loopback | Self::Source(_) | Self::Tcp => self,
        }
    }
}

impl Test {
    fn negated(self) -> Self {
        match self {
            Self::Is => Self::IsNot,
            Self::IsNot => Self::Is,
        }
    }
}
