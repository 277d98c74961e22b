//! Making a client for a cluster: the one place that knows which cluster it is.

use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};

use super::ClusterError;

/// Which cluster a run uses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Target {
    /// A small Kubernetes that lives in this process, for as long as the connection.
    #[default]
    Embedded,
    /// A cluster that is there already.
    Kubernetes {
        /// The file that describes it; `$KUBECONFIG` or `~/.kube/config` if absent.
        kubeconfig: Option<PathBuf>,
        /// The context in that file; its current one if absent.
        context: Option<String>,
    },
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Kubernetes { context: Some(context), .. } => write!(f, "k8s, context {context}"),
            Self::Kubernetes { .. } => f.write_str("k8s"),
        }
    }
}

/// A cluster that answers.
pub struct Connection {
    client: kube::Client,
    kubeconfig: Kubeconfig,
}

impl Connection {
    /// A client for it.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// How others reach it.
    pub fn kubeconfig(&self) -> &Kubeconfig {
        &self.kubeconfig
    }

    /// Ends what [`connect`] started; a cluster that was there before stays.
    pub async fn close(self) {}
}

/// Reaches a cluster, or starts one.
///
/// # Errors
/// [`ClusterError::Connect`] if there is none, or it does not answer.
pub async fn connect(target: &Target) -> Result<Connection, ClusterError> {
    match target {
        Target::Embedded => Err(ClusterError::Connect("not merged".to_owned())),
        Target::Kubernetes { kubeconfig, context } => reach(kubeconfig.as_ref(), context.clone()).await,
    }
}

async fn reach(file: Option<&PathBuf>, context: Option<String>) -> Result<Connection, ClusterError> {
    let unreadable = |error: kube::config::KubeconfigError| ClusterError::Connect(error.to_string());
    let kubeconfig = match file {
        Some(file) => Kubeconfig::read_from(file).map_err(unreadable)?,
        None => Kubeconfig::read().map_err(unreadable)?,
    };
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.map_err(unreadable)?;
    let failed = |error: kube::Error| ClusterError::Connect(super::error::told(&error));
    let client = kube::Client::try_from(config).map_err(failed)?;
    client.apiserver_version().await.map_err(failed)?;
    Ok(Connection { client, kubeconfig })
}
