//! Making a client for a cluster: the one place that knows which cluster it is.

use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::{ClusterError, error::told, images};
use crate::embedded::{self, Embedded};

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
    embedded: Option<Embedded>,
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
    pub async fn close(self) {
        if let Some(embedded) = self.embedded {
            embedded.shutdown().await;
        }
    }
}

/// Reaches a cluster, or starts one.
///
/// # Errors
/// [`ClusterError::Connect`] if there is none, or it does not answer.
pub async fn connect(target: &Target) -> Result<Connection, ClusterError> {
    match target {
        Target::Embedded => start().await,
        Target::Kubernetes { kubeconfig, context } => reach(kubeconfig.as_ref(), context.clone()).await,
    }
}

/// Starts a cluster of our own.
async fn start() -> Result<Connection, ClusterError> {
    let options = embedded::Options { images: images::bundled(), programs: crate::programs::find };
    let embedded = embedded::start(options).await.map_err(|error| ClusterError::Connect(chain(&error)))?;
    Ok(Connection { client: embedded.client(), kubeconfig: embedded.kubeconfig(), embedded: Some(embedded) })
}

async fn reach(file: Option<&PathBuf>, context: Option<String>) -> Result<Connection, ClusterError> {
    let read = match file {
        Some(file) => Kubeconfig::read_from(file),
        None => Kubeconfig::read(),
    };
    let kubeconfig = read.map_err(|error| ClusterError::Connect(unreadable(&error)))?;
    let client = client(kubeconfig.clone(), context).await?;
    client.apiserver_version().await.map_err(|error| ClusterError::Connect(told(&error)))?;
    Ok(Connection { client, kubeconfig, embedded: None })
}

async fn client(kubeconfig: Kubeconfig, context: Option<String>) -> Result<kube::Client, ClusterError> {
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let config = config.map_err(|error| ClusterError::Connect(chain(&error)))?;
    super::client::client(config).map_err(|error| ClusterError::Connect(told(&error)))
}

/// Why a kubeconfig cannot be read, without the quotes of a Rust path.
fn unreadable(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(why, file) => format!("cannot read {}: {why}", file.display()),
        other => chain(other),
    }
}

/// An error with its causes; one that its text has already is not told twice.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        cause = inner.source();
    }
    text
}
