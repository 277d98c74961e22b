//! Which connections the redirect rules of a pod divert, as the rules that `istio-iptables` writes would.
//!
//! Pure: the rules and one connection in, its path out. The order of the checks is the order of the rules.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use crate::host::{Ports, Redirect};

/// The source address with which a sidecar reaches its own application without meeting itself.
const PASSTHROUGH_SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

/// A connection that a program of the pod is about to make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// Who makes it.
    pub(super) uid: u32,
    /// The source address it asked for.
    pub(super) from: Option<Ipv4Addr>,
    /// Where to.
    pub(super) to: SocketAddrV4,
    /// Whether `to` is an address of the pod itself, so that it travels over the loopback interface.
    pub(super) local: bool,
}

/// Where a connection goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Path {
    /// To where it was dialled.
    Direct,
    /// To the inbound port of the pod's own sidecar.
    Inbound(u16),
    /// To the outbound port of the pod's own sidecar.
    Outbound(u16),
}

/// Decides over a connection made inside the pod (chain `OUTPUT`).
pub(super) fn outbound(rules: &Redirect, call: Call) -> Path {
    if rules.exclude_outbound.contains(&call.to.port()) {
        return Path::Direct;
    }
    if call.local && call.from == Some(PASSTHROUGH_SOURCE) {
        return Path::Direct;
    }
    if call.uid == rules.exempt_uid {
        // A sidecar that calls its own pod's address is a client of its own application: it enters like any other.
        let enters = call.local && *call.to.ip() != Ipv4Addr::LOCALHOST;
        return if enters { Path::Inbound(rules.inbound_port) } else { Path::Direct };
    }
    if call.local || excluded(rules, *call.to.ip()) {
        return Path::Direct;
    }
    Path::Outbound(rules.outbound_port)
}

/// Decides over a connection that arrives at `port` from outside the pod (chain `PREROUTING`).
pub(super) fn inbound(rules: &Redirect, port: u16) -> Path {
    let included = match &rules.include_inbound {
        Ports::All => !rules.exclude_inbound.contains(&port),
        Ports::Only(ports) => ports.contains(&port),
    };
    if included { Path::Inbound(rules.inbound_port) } else { Path::Direct }
}

fn excluded(rules: &Redirect, to: Ipv4Addr) -> bool {
    rules.exclude_outbound_ranges.iter().any(|&(network, length)| match network {
        IpAddr::V4(network) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            u32::from(to) & mask == u32::from(network) & mask
        }
        IpAddr::V6(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 5);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 96, 7, 7);

    fn rules() -> Redirect {
        Redirect {
            outbound_port: 15001,
            inbound_port: 15006,
            exempt_uid: 1337,
            include_inbound: Ports::All,
            exclude_inbound: vec![15020, 15021, 15090],
            exclude_outbound: vec![9999],
            exclude_outbound_ranges: vec![(IpAddr::V4(Ipv4Addr::new(10, 97, 0, 0)), 16)],
        }
    }

    #[test]
    fn outbound_connections() {
        let sidecar = Some(PASSTHROUGH_SOURCE);
        let table = [
            ("application to a service", 0, None, OTHER, 80, Path::Outbound(15001)),
            ("application to an excluded port", 0, None, OTHER, 9999, Path::Direct),
            ("application to an excluded range", 0, None, Ipv4Addr::new(10, 97, 3, 4), 80, Path::Direct),
            ("application to localhost", 0, None, Ipv4Addr::LOCALHOST, 80, Path::Direct),
            ("application to its own pod", 0, None, POD, 80, Path::Direct),
            ("sidecar to another pod", 1337, None, OTHER, 80, Path::Direct),
            ("sidecar to its application", 1337, sidecar, POD, 80, Path::Direct),
            ("sidecar to its own pod", 1337, None, POD, 80, Path::Inbound(15006)),
            ("sidecar to localhost", 1337, None, Ipv4Addr::LOCALHOST, 80, Path::Direct),
        ];
        for (case, uid, from, to, port, expected) in table {
            let local = to == POD || to.is_loopback();
            let call = Call { uid, from, to: SocketAddrV4::new(to, port), local };
            assert_eq!(outbound(&rules(), call), expected, "{case}");
        }
    }

    #[test]
    fn inbound_connections() {
        assert_eq!(inbound(&rules(), 80), Path::Inbound(15006));
        assert_eq!(inbound(&rules(), 15021), Path::Direct);
        let only = Redirect { include_inbound: Ports::Only(vec![80]), ..rules() };
        assert_eq!(inbound(&only, 80), Path::Inbound(15006));
        assert_eq!(inbound(&only, 81), Path::Direct);
    }
}
