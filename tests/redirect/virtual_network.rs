//! The virtual network of the embedded node.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use labctl::{
    embedded::node::network::{Network, PodNetwork, Source},
    host::{Listener, Redirect},
};
use tokio::io::AsyncReadExt as _;

use crate::{
    cases,
    world::{Place, Pod, Who, World},
};

struct Virtual {
    network: Network,
    own: Arc<PodNetwork>,
    other: Arc<PodNetwork>,
}

impl World for Virtual {
    fn address(&self, place: Place) -> Option<IpAddr> {
        Some(IpAddr::V4(match place {
            Place::Own => self.own.address(),
            Place::Other => self.other.address(),
            Place::Localhost => Ipv4Addr::LOCALHOST,
            Place::Loopback => Ipv4Addr::new(127, 0, 0, 2),
        }))
    }

    fn listen(&self, pod: Pod, port: u16) -> Listener {
        let pod = if pod == Pod::Own { &self.own } else { &self.other };
        pod.listen((Ipv6Addr::UNSPECIFIED, port).into(), pod.owner()).unwrap()
    }

    fn redirect(&self, redirect: &Redirect) {
        self.own.set_redirect(redirect);
    }

    async fn call(&self, who: Who, to: SocketAddr) -> String {
        let pod = if who == Who::Neighbour { &self.other } else { &self.own };
        let (uid, gid) = who.ids();
        let from = (who == Who::Passthrough).then_some(Ipv4Addr::new(127, 0, 0, 6).into());
        let mut stream = self.network.connect(pod, Source { uid, gid, from }, to).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }
}

#[tokio::test]
async fn redirects_as_a_kernel_does() {
    let network = Network::default();
    let (own, other) = (network.join().unwrap(), network.join().unwrap());
    cases::all(&Virtual { network, own, other }).await;
}
