//! Sends a network namespace's connections through its sidecar: the rules, and the address it reaches its own
//! application from.

use std::{io, net::IpAddr};

use rustix::io::Errno;

use super::{
    netlink::{ACKNOWLEDGE, CREATE, Failure, Netlink, Request},
    nftables,
};
use crate::host::redirect::{
    Redirect,
    rules::{Family, Table},
};

/// Installs `redirect` in the network namespace of this process, in place of what was there.
///
/// # Errors
/// `PermissionDenied` without `NET_ADMIN`, `Unsupported` if the kernel lacks a part of it.
pub(super) fn install(redirect: &Redirect) -> io::Result<()> {
    let families: &[Family] = if has_ipv6() { &[Family::Ip, Family::Ip6] } else { &[Family::Ip] };
    let tables: Vec<Table> = families.iter().map(|&family| redirect.table(family)).collect();
    nftables::replace(&tables)?;
    if families.contains(&Family::Ip6) { add_to_loopback(Family::Ip6.passthrough()) } else { Ok(()) }
}

/// Whether the kernel knows IPv6. (That a namespace has none is no reason to leave out the rules.)
fn has_ipv6() -> bool {
    socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).is_ok()
}

/// Gives the loopback interface one more IPv6 address, from which the sidecar reaches its application. IPv4 needs no
/// such thing: all of 127.0.0.0/8 is there from the start.
fn add_to_loopback(address: IpAddr) -> io::Result<()> {
    const NEW_ADDRESS: u16 = 20;
    const ADDRESS: u16 = 1;
    const LOCAL: u16 = 2;
    const SEQUENCE: u32 = 1;
    /// Nobody else can have it, so nobody is asked (`IFA_F_NODAD`): until somebody was, it could not be bound to.
    const AT_ONCE: u8 = 0x02;
    /// Family, length of the prefix, flags, scope, and the number of the interface: in every namespace it is the first.
    const FIXED: [u8; 4] = [10, 128, AT_ONCE, 0];
    const LOOPBACK: u32 = 1;
    let IpAddr::V6(address) = address else { return Ok(()) };
    let fixed = [FIXED, LOOPBACK.to_ne_bytes()].concat();
    let mut request = Request::default();
    request.add(NEW_ADDRESS, ACKNOWLEDGE | CREATE, SEQUENCE, &fixed, |attributes| {
        attributes.put(ADDRESS, &address.octets());
        attributes.put(LOCAL, &address.octets());
    });
    let fine = |error: &io::Error| {
        // It is there already, or the namespace has no IPv6: then nobody will call over it either.
        let codes = [Errno::EXIST, Errno::ACCESS, Errno::OPNOTSUPP, Errno::NODEV, Errno::ADDRNOTAVAIL];
        codes.iter().any(|code| error.raw_os_error() == Some(code.raw_os_error()))
    };
    match Netlink::connect(None)?.ask(&request, SEQUENCE, |_| Ok(())) {
        Ok(()) => Ok(()),
        Err(Failure::Refused { error, .. }) if fine(&error) => Ok(()),
        Err(Failure::Refused { error, .. } | Failure::Unheard(error)) => Err(io::Error::new(
            error.kind(),
            format!("the loopback interface cannot get the address {address}: {error}"),
        )),
        Err(Failure::Changed) => Err(io::ErrorKind::Interrupted.into()),
    }
}
