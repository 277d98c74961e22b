//! A small Kubernetes in this process: API server, controllers, one node. Knows nothing of labs and the mesh.

pub mod api;
pub mod auth;
pub mod controllers;
pub(crate) mod events;
pub mod front;
pub(crate) mod informer;
pub mod machinery;
pub mod node;
pub mod objects;
pub mod pki;
pub mod store;

use kube::config::Kubeconfig;

use self::{
    api::Server,
    auth::User,
    front::{Front, FrontError},
    machinery::Machinery,
    node::{FindProgram, images::Images},
};

/// What the cluster is made of.
pub struct Options {
    /// Which images its node has.
    pub images: Images,
    /// Which programs they consist of.
    pub programs: FindProgram,
}

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The API server cannot be reached from outside.
    #[error(transparent)]
    Front(#[from] FrontError),
    /// The API server refused what its own machinery asks.
    #[error("the embedded cluster does not accept its own node: {0}")]
    Machinery(#[source] kube::Error),
}

/// A running cluster, in memory only. Dropping it ends everything, pods included.
pub struct Embedded {
    front: Front,
    machinery: Machinery,
}

/// Starts a cluster.
///
/// # Errors
/// No port of the loopback interface can be had, for instance.
pub async fn start(options: Options) -> Result<Embedded, StartError> {
    let server = Server::default();
    let front = Front::open(server.clone()).await?;
    let machinery = machinery::Options {
        api_server: front.address(),
        images: options.images,
        programs: options.programs,
        root_certificate: front.root_certificate(),
    };
    let client = server.client(User::system("system:labctl"));
    let machinery = Machinery::start(client, machinery).await.map_err(StartError::Machinery)?;
    server.attach(machinery.node());
    Ok(Embedded { front, machinery })
}

impl Embedded {
    /// Credentials that may do everything.
    pub fn kubeconfig(&self) -> Kubeconfig {
        self.front.kubeconfig()
    }

    /// Ends everything, and finishes answers that are under way.
    pub async fn shutdown(self) {
        drop(self.machinery);
        self.front.close().await;
    }
}
