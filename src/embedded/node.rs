//! The one node of the embedded cluster: runs pods as tasks of this process, like a kubelet.
//!
//! Knows the API server through `kube::Client` only. `Node::start` puts its parts to work: the pods themselves,
//! the scheduler, and what keeps the virtual network's table of Services up to date.

mod backoff;
mod container;
mod context;
pub mod dns;
pub(crate) mod endpoints;
mod env;
mod files;
pub mod images;
mod kubelet;
pub mod load_balancer;
mod logs;
pub mod network;
mod pod;
mod pod_host;
mod pods;
mod probes;
mod process;
mod proxy;
mod register;
mod report;
mod scheduler;
mod sources;
mod state;
mod status;
pub(crate) mod sync;
mod volumes;

use std::sync::Arc;

use kube::Client;
use tokio::task::JoinSet;

pub use self::context::FindProgram;
use self::{context::NodeContext, images::Images, kubelet::Handle, network::Network, pods::Pods, sources::Sources};
use super::{api::Kubelet, events::Recorder, informer::Informers};

/// The name of the node.
pub const NODE_NAME: &str = "labctl";

/// What a node is made of.
pub struct Options {
    /// Which images it has.
    pub images: Images,
    /// Which programs they consist of.
    pub programs: FindProgram,
    /// The network its pods live in.
    pub network: Network,
}

/// A running node; dropping it kills all its pods.
pub struct Node {
    pods: Arc<Pods>,
    network: Network,
    tasks: JoinSet<()>,
}

impl Node {
    /// Registers the node and puts it to work.
    ///
    /// # Errors
    /// If the API server can't be reached or refuses the node.
    pub(crate) async fn start(
        client: Client,
        options: Options,
        informers: &Informers,
        recorder: Recorder,
    ) -> kube::Result<Self> {
        let Options { images, programs, network } = options;
        register::register(&client).await?;
        let sources = Sources::start(client.clone(), informers);
        let mut tasks = JoinSet::new();
        tasks.spawn(proxy::run(network.clone(), informers.services.clone(), informers.pods.clone()));
        tasks.spawn(load_balancer::run(client.clone(), network.clone(), informers.services.clone()));
        tasks.spawn(scheduler::run(client.clone(), informers.pods.clone(), recorder.clone()));
        let on = network.clone();
        let context = Arc::new(NodeContext { client, network, images, programs, sources, recorder });
        let (pods, informer) = (Arc::new(Pods::default()), informers.pods.clone());
        let keeper = pods.clone();
        tasks.spawn(async move { keeper.run(context, informer).await });
        Ok(Self { pods, network: on, tasks })
    }

    /// What the API server asks about logs, commands in containers and connections.
    pub fn kubelet(&self) -> Arc<dyn Kubelet> {
        Arc::new(Handle { pods: Arc::downgrade(&self.pods), network: self.network.clone() })
    }

    /// Kills all pods and waits until their tasks are gone.
    pub async fn stop(self) {
        let Self { pods, mut tasks, .. } = self;
        tasks.shutdown().await;
        pods.stop().await;
    }

    /// The network its pods live in.
    pub fn network(&self) -> &Network {
        &self.network
    }
}
