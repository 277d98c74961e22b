//! Making a client for a cluster: the one place that knows which cluster it is.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::{ClusterError, Destination, error::told, images, steady::steady};
use crate::embedded::{self, Embedded};

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a part of a run may take, unless somebody says so: pods of our own process start in milliseconds, those of a
/// cluster have their images pulled first.
const EMBEDDED_DEADLINE: Duration = Duration::from_secs(30);
const KUBERNETES_DEADLINE: Duration = Duration::from_secs(120);

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

impl Target {
    /// Where it is, if it was there before and its kubeconfig can be read.
    pub fn destination(&self) -> Option<Destination> {
        let Self::Kubernetes { kubeconfig, context } = self else { return None };
        Destination::read(kubeconfig.as_deref(), context.as_deref()).ok()
    }

    /// The arguments that name this cluster on a command line, each with a space before it.
    pub fn arguments(&self) -> String {
        let Self::Kubernetes { kubeconfig, context } = self else { return String::new() };
        let context = context.iter().map(|context| format!(" --context {context}"));
        let kubeconfig = kubeconfig.iter().map(|file| format!(" --kubeconfig {}", file.display()));
        context.chain(kubeconfig).collect()
    }

    /// How long each part of a run may take on such a cluster, unless somebody says otherwise.
    pub fn deadline(&self) -> Duration {
        match self {
            Self::Embedded => EMBEDDED_DEADLINE,
            Self::Kubernetes { .. } => KUBERNETES_DEADLINE,
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
    let mut kubeconfig = read(file.map(PathBuf::as_path))?;
    if context.is_some() {
        kubeconfig.current_context.clone_from(&context);
    }
    let client = client(kubeconfig.clone(), context).await?;
    // Nobody waits for a cluster that may never have been there; from the first answer on, silence is worth a wait.
    client.apiserver_version().await.map_err(|error| ClusterError::Connect(told(&error)))?;
    Ok(Connection { client: steady(client), kubeconfig, embedded: None })
}

/// Reads a kubeconfig; without a name the one that `$KUBECONFIG` names, or `~/.kube/config`.
pub(super) fn read(file: Option<&Path>) -> Result<Kubeconfig, ClusterError> {
    let read = match file {
        Some(file) => Kubeconfig::read_from(file),
        None => Kubeconfig::read(),
    };
    read.map_err(|error| ClusterError::Connect(unreadable(&error)))
}

async fn client(kubeconfig: Kubeconfig, context: Option<String>) -> Result<kube::Client, ClusterError> {
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.map_err(|error| ClusterError::Connect(chain(&error)))?;
    config.connect_timeout = Some(CONNECT);
    // The steady client knows better what to try again, and for how long.
    config.default_retry = false;
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
