//! Which cluster labs run on: the arguments of all commands that run them.

use clap::ValueEnum;

use super::{CliError, kubernetes::KubernetesArgs};
use crate::cluster::Target;

/// Where a lab runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum On {
    /// In this process: nothing to install, gone afterwards
    Embedded,
    /// On a Kubernetes that is there
    K8s,
}

/// The embedded cluster, or a Kubernetes that is there.
#[derive(Clone, Debug, clap::Args)]
pub struct ClusterArgs {
    /// Which cluster to use [default: embedded, or k8s with --context or --kubeconfig]
    #[arg(long, value_enum)]
    on: Option<On>,
    #[command(flatten)]
    kubernetes: KubernetesArgs,
}

impl ClusterArgs {
    /// Whether labs run in this process.
    pub fn embedded(&self) -> bool {
        self.on == Some(On::Embedded) || self.on.is_none() && !self.kubernetes.named()
    }

    /// Refuses two clusters at once, and an image for a cluster that has none but its own.
    ///
    /// # Errors
    /// 2.
    pub fn check_usage(&self, image: Option<&str>) -> Result<(), CliError> {
        if self.on == Some(On::Embedded) && self.kubernetes.named() {
            return Err(CliError::new(2, "--context and --kubeconfig name a cluster, --on embedded starts its own")
                .hint("leave one of them out"));
        }
        if self.embedded() && image.is_some() {
            let message = "--image is for a Kubernetes that is there: the embedded cluster has no images but its own";
            return Err(CliError::new(2, message).hint("name it with --context, or say --on k8s"));
        }
        Ok(())
    }

    /// The cluster to use, after the question whether it is meant.
    ///
    /// # Errors
    /// 2 if the answer was no, or nobody could be asked.
    pub fn target(&self) -> Result<Target, CliError> {
        if self.embedded() { Ok(Target::Embedded) } else { self.kubernetes.consented() }
    }
}
