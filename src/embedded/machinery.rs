//! Everything that works behind the API server: the node, the controllers, and what they share.

use std::{net::SocketAddr, sync::Arc};

use kube::Client;
use tokio_util::task::AbortOnDropHandle;

use super::{
    api::Kubelet,
    controllers::Controllers,
    events::Recorder,
    informer::Informers,
    node::{self, Node, images::Images, network::Network},
};

/// Where programs in pods find the API server (`kubernetes.default`).
const API_SERVER: &str = "10.96.0.1:443";

/// What the machinery needs to know.
pub struct Options {
    /// The real address of the API server's HTTPS front.
    pub api_server: SocketAddr,
    /// Which images the node has.
    pub images: Images,
    /// Which programs the images consist of.
    pub programs: node::FindProgram,
    /// The certificate by which pods recognise the API server, as PEM.
    pub root_certificate: String,
}

/// The running machinery; dropping it stops everything, pods included.
pub struct Machinery {
    node: Node,
    _controllers: Controllers,
    _events: AbortOnDropHandle<()>,
}

impl Machinery {
    /// Starts everything against the API server behind `client`.
    ///
    /// # Errors
    /// If the API server can't be reached, or refuses what its own machinery asks.
    pub async fn start(client: Client, options: Options) -> kube::Result<Self> {
        let informers = Informers::start(&client).await?;
        let (recorder, events) = Recorder::start(client.clone());
        let controllers = Controllers::start(&client, &informers, &recorder, options.root_certificate);
        let network = Network::default();
        network.route(API_SERVER.parse().expect("a constant address"), options.api_server);
        let node = node::Options { images: options.images, programs: options.programs, network };
        let node = Node::start(client, node, &informers, recorder).await?;
        Ok(Self { node, _controllers: controllers, _events: events })
    }

    /// The network of the pods and Services.
    pub fn network(&self) -> &Network {
        self.node.network()
    }

    /// What the API server asks the node.
    pub fn kubelet(&self) -> Arc<dyn Kubelet> {
        self.node.kubelet()
    }

    /// Stops everything, pods first, and waits until the pods are gone.
    pub async fn stop(self) {
        self.node.stop().await;
    }
}
