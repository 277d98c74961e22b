//! Two pods that reach each other; one has redirect rules. What a kernel and the virtual network have in common.

use std::net::{IpAddr, SocketAddr};

use labctl::host::{Listener, Redirect};
use tokio::io::AsyncWriteExt as _;

/// Who connects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Who {
    /// A program of the pod.
    App,
    /// A program of the pod that is root.
    Root,
    /// The pod's sidecar.
    Sidecar,
    /// The pod's sidecar, from the address with which it reaches its own application.
    Passthrough,
    /// Somebody of the sidecar's group.
    Group,
    /// A program of the other pod.
    Neighbour,
}

impl Who {
    /// User and group.
    pub fn ids(self) -> (u32, u32) {
        match self {
            Self::App => (1000, 1000),
            Self::Root | Self::Neighbour => (0, 0),
            Self::Sidecar | Self::Passthrough => (1337, 1337),
            Self::Group => (1000, 1337),
        }
    }
}

/// Where to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The pod's own address.
    Own,
    /// The address of the other pod.
    Other,
    /// The usual loopback address.
    Localhost,
    /// Another loopback address; only IPv4 has one.
    Loopback,
}

/// Which pod.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pod {
    /// The one with redirect rules.
    Own,
    /// The other one.
    Other,
}

pub trait World {
    /// The address of a place; `None` if there is no such place here.
    fn address(&self, place: Place) -> Option<IpAddr>;

    /// Listens on a port of all addresses of a pod.
    fn listen(&self, pod: Pod, port: u16) -> Listener;

    /// Replaces the rules of the pod that has some.
    fn redirect(&self, redirect: &Redirect);

    /// Connects, and reads what the other side says.
    async fn call(&self, who: Who, to: SocketAddr) -> String;
}

/// Tells everybody who connects its name, and where they dialled.
pub async fn tell(listener: Listener, name: &'static str) {
    loop {
        let mut accepted = listener.accept().await.unwrap();
        let text = format!("{name}, asked for {}", accepted.orig_dst);
        accepted.stream.write_all(text.as_bytes()).await.unwrap();
    }
}
