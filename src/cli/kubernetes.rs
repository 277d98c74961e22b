//! Which Kubernetes a command line names: the arguments of all commands that reach one, and the question before a
//! cluster that may not be meant is changed.

use std::path::PathBuf;

use super::{CliError, question};
use crate::cluster::{Destination, Target};

/// A Kubernetes that is there.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct KubernetesArgs {
    /// The context of the kubeconfig to use
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The kubeconfig to use [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Do not ask before a cluster is changed that does not look local
    #[arg(long)]
    yes: bool,
}

impl KubernetesArgs {
    /// Whether one was named at all.
    pub fn named(&self) -> bool {
        self.context.is_some() || self.kubeconfig.is_some()
    }

    /// Whether all questions are answered beforehand.
    pub fn yes(&self) -> bool {
        self.yes
    }

    /// The cluster that these arguments name, for somebody who only looks.
    pub fn target(&self) -> Target {
        Target::Kubernetes { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }

    /// The cluster that these arguments name, for somebody who changes it: whoever typed them was asked, unless it looks
    /// local.
    ///
    /// A kubeconfig that cannot be read is no matter here; [`crate::cluster::connect()`] says what is wrong with it.
    ///
    /// # Errors
    /// 2 if the answer was no, or nobody could be asked.
    pub fn consented(&self) -> Result<Target, CliError> {
        let destination = Destination::read(self.kubeconfig.as_deref(), self.context.as_deref());
        match destination {
            Ok(destination) if !self.yes && !destination.looks_local() => ask(&destination)?,
            Ok(_) | Err(_) => (),
        }
        Ok(self.target())
    }
}

fn ask(destination: &Destination) -> Result<(), CliError> {
    let text = format!(
        "This cluster does not look like one on this machine:\n  context  {}\n  server   {}\n  user     {}\n",
        destination.context,
        destination.server,
        destination.user.as_deref().unwrap_or("none"),
    );
    match question::ask(&text, "Use it?") {
        Some(true) => Ok(()),
        Some(false) => Err(CliError::new(2, "nothing was done")),
        None => {
            Err(CliError::new(2, format!("the cluster {destination} does not look local, and nobody can be asked"))
                .hint("if it is the one you mean, say so with --yes"))
        }
    }
}
