//! Which Kubernetes a command line names: the arguments of all commands that reach one.

use std::path::PathBuf;

use crate::cluster::Target;

/// A Kubernetes that is there.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct KubernetesArgs {
    /// The context of the kubeconfig to use
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The kubeconfig to use [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

impl KubernetesArgs {
    /// Whether one was named at all.
    pub fn named(&self) -> bool {
        self.context.is_some() || self.kubeconfig.is_some()
    }

    /// The cluster that these arguments name.
    pub fn target(&self) -> Target {
        Target::Kubernetes { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }
}
