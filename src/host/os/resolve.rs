//! Names to addresses on the real machine.
//!
//! On Linux this reads `/etc/hosts` and `/etc/resolv.conf` and asks the name servers itself: a static executable in an
//! image made from nothing has no libraries for glibc's name service switch to load. Elsewhere there is no static
//! executable, and the system's own resolver knows of more than these two files.

#[cfg(target_os = "linux")]
mod dns;
#[cfg(target_os = "linux")]
mod search;

use std::{io, net::IpAddr};

#[cfg(target_os = "linux")]
pub use dns::{Names, ResolveError};

/// The addresses of `name`: at least one.
///
/// # Errors
/// `NotFound` if the name does not exist; anything else is a failure of the resolver.
#[cfg(target_os = "linux")]
pub async fn resolve(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok(Names::of_this_machine()?.resolve(name).await?)
}

/// The addresses of `name`: at least one.
///
/// # Errors
/// `NotFound` if the name does not exist; anything else is a failure of the resolver.
#[cfg(not(target_os = "linux"))]
pub async fn resolve(name: &str) -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in tokio::net::lookup_host((name, 0)).await.map_err(name_error)?.map(|address| address.ip()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(addresses) }
}

/// Gives a failed look-up the kind `NotFound` if the name does not exist.
///
/// The standard library keeps the code of `getaddrinfo(3)` to itself; what remains is its text.
#[cfg(not(target_os = "linux"))]
fn name_error(error: io::Error) -> io::Error {
    let text = error.to_string();
    let unknown = ["not known", "No address associated"];
    if unknown.iter().any(|part| text.contains(part)) { io::Error::new(io::ErrorKind::NotFound, error) } else { error }
}
