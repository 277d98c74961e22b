//! The kernel of this machine.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use labctl::host::{Host as _, Listener, Redirect, os::OsHost};
use tokio::io::AsyncReadExt as _;

use crate::{
    cases,
    namespace::Namespace,
    world::{Place, Pod, Who, World},
};

/// Two namespaces, and in which family of addresses they talk.
struct Kernel {
    own: Arc<Namespace>,
    other: Arc<Namespace>,
    ipv6: bool,
}

impl Kernel {
    fn new(ipv6: bool) -> Option<Self> {
        let (own, other) = Namespace::pair()?;
        Some(Self { own: Arc::new(own), other: Arc::new(other), ipv6 })
    }
}

impl World for Kernel {
    fn address(&self, place: Place) -> Option<IpAddr> {
        let (ip, ip6) = match place {
            Place::Own => (Ipv4Addr::new(10, 99, 0, 1), "fd99::1".parse().ok()),
            Place::Other => (Ipv4Addr::new(10, 99, 0, 2), "fd99::2".parse().ok()),
            Place::Localhost => (Ipv4Addr::LOCALHOST, Some(Ipv6Addr::LOCALHOST)),
            Place::Loopback => (Ipv4Addr::new(127, 0, 0, 2), None),
        };
        if self.ipv6 { ip6.map(IpAddr::V6) } else { Some(ip.into()) }
    }

    fn listen(&self, pod: Pod, port: u16) -> Listener {
        let namespace = if pod == Pod::Own { &self.own } else { &self.other };
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let mut sockets = namespace.enter(|| OsHost.listen_shared(everywhere, 1)).unwrap();
        sockets.remove(0).start().unwrap()
    }

    fn redirect(&self, redirect: &Redirect) {
        self.own.enter(|| OsHost.redirect(redirect)).unwrap();
    }

    async fn call(&self, who: Who, to: SocketAddr) -> String {
        let namespace = if who == Who::Neighbour { self.other.clone() } else { self.own.clone() };
        let passthrough: IpAddr = if self.ipv6 { "::6".parse().unwrap() } else { "127.0.0.6".parse().unwrap() };
        let from = (who == Who::Passthrough).then_some(passthrough);
        let called = tokio::task::spawn_blocking(move || namespace.enter_as(who.ids(), || call(to, from)));
        called.await.unwrap()
    }
}

fn call(to: SocketAddr, from: Option<IpAddr>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stream = OsHost.connect(to, from).await.unwrap_or_else(|error| panic!("to {to}: {error}"));
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    })
}

#[tokio::test]
async fn redirects_ipv4_as_the_virtual_network_does() {
    let Some(kernel) = Kernel::new(false) else { return };
    cases::all(&kernel).await;
}

#[tokio::test]
async fn redirects_ipv6_the_same_way() {
    let Some(kernel) = Kernel::new(true) else { return };
    cases::all(&kernel).await;
}

#[tokio::test]
async fn without_ipv6_in_the_namespace_ipv4_is_redirected() {
    let Some(kernel) = Kernel::new(false) else { return };
    kernel.own.enter(|| std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1")).unwrap();
    cases::all(&kernel).await;
}
