//! A small Kubernetes in this process: API server, controllers, one node. Knows nothing of labs and the mesh.

pub mod api;
pub mod auth;
pub mod controllers;
pub(crate) mod events;
pub mod files;
pub mod front;
pub(crate) mod informer;
pub mod machinery;
pub mod node;
pub mod objects;
pub mod pki;
pub mod store;

use kube::config::{KubeConfigOptions, Kubeconfig};

use self::{
    api::Server,
    auth::User,
    files::TooFewFiles,
    front::{Front, FrontError},
    machinery::Machinery,
    node::{FindProgram, images::Images, network::Network},
};

/// What a cluster is made of.
pub struct Options {
    /// Which images its node has.
    pub images: Images,
    /// Which programs they consist of.
    pub programs: FindProgram,
}

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The machine allows too few open files.
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    /// Its own clients could not be made.
    #[error("the embedded cluster's own credentials are of no use")]
    Client(#[from] kube::config::KubeconfigError),
    /// The API server has no door.
    #[error(transparent)]
    Front(#[from] FrontError),
    /// The controllers or the node did not start.
    #[error("the embedded cluster did not start")]
    Machinery(#[source] kube::Error),
}

/// A running cluster; dropping it ends everything in it at once.
pub struct Embedded {
    client: kube::Client,
    front: Front,
    machinery: Machinery,
}

/// Starts a cluster. Its state is in memory only.
///
/// # Errors
/// If the machine has no port, no randomness or too few open files to offer.
pub async fn start(options: Options) -> Result<Embedded, StartError> {
    files::allow_enough()?;
    let server = Server::default();
    let front = Front::open(server.clone()).await?;
    let machinery = machinery::Options {
        api_server: front.address(),
        images: options.images,
        programs: options.programs,
        root_certificate: front.root_certificate(),
    };
    let system = server.client(User::system("system:kube-controller-manager"));
    let machinery = Machinery::start(system, machinery).await.map_err(StartError::Machinery)?;
    server.attach(machinery.kubelet());
    let config = kube::Config::from_custom_kubeconfig(front.kubeconfig(), &KubeConfigOptions::default()).await?;
    let client = kube::Client::try_from(config).map_err(StartError::Machinery)?;
    Ok(Embedded { client, front, machinery })
}

impl Embedded {
    /// A client of an administrator, over HTTPS as for everybody.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// The network of the pods and Services, as the node sees it.
    pub fn network(&self) -> &Network {
        self.machinery.network()
    }

    /// The administrator's credentials.
    pub fn kubeconfig(&self) -> Kubeconfig {
        self.front.kubeconfig()
    }

    /// Ends the cluster: first the pods and controllers, then the API server.
    pub async fn shutdown(self) {
        self.machinery.stop().await;
        self.front.close().await;
    }
}
