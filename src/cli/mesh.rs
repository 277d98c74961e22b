//! `labctl mesh`: the mesh of a cluster that is there.

pub mod install;
mod status;
mod uninstall;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::{Args, Subcommand};

use super::{CliError, interrupt};
use crate::{
    cluster::{Cluster, ClusterError, Patience, RunId, Target, connect, mesh::MeshError},
    report::progress::Progress,
    run::{Interrupt, event::Event},
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl mesh install                        into the kubeconfig's cluster, and wait until it injects
  labctl mesh install -o yaml > mesh.yaml    just the manifests, for whoever applies them
  labctl mesh status                         has every proxy acknowledged the newest configuration?
  labctl mesh uninstall                      take away what is labctl's, and nothing else

Exit codes of `mesh status`: 0 all in sync, 1 not all, 4 no mesh";

/// Installs the mesh on a Kubernetes, looks how it is, removes it
#[derive(Debug, Args)]
pub struct MeshArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install the mesh, or bring the one that is there up to date
    Install(install::InstallArgs),
    /// Show the control plane's health and whether every proxy is in sync
    Status(status::StatusArgs),
    /// Remove what labctl installed, and prove that it is gone
    Uninstall(uninstall::UninstallArgs),
}

impl MeshArgs {
    /// Does what was asked.
    ///
    /// # Errors
    /// 2 for a usage error, 4 for trouble with the cluster or its mesh, 5 after a deadline, 130 if somebody interrupts.
    pub fn execute(self) -> Result<u8, CliError> {
        match self.command {
            Command::Install(arguments) => arguments.execute(),
            Command::Status(arguments) => arguments.execute(),
            Command::Uninstall(arguments) => arguments.execute(),
        }
    }
}

/// Reaches the cluster and does `work` on it, until it is done or somebody interrupts.
pub(super) fn on_cluster<T>(
    target: &Target,
    deadline: Duration,
    work: impl AsyncFnOnce(&Cluster, &Patience) -> Result<T, MeshError>,
) -> Result<T, CliError> {
    let progress = Arc::new(Mutex::new(Progress::without_steps()));
    let shown = progress.clone();
    let tell = move |text: &str| {
        let event = Event::Waiting { text: text.to_owned() };
        shown.lock().expect("showing an event does not panic").read(&event);
    };
    let done = attended(target, async |cluster, interrupt| {
        let patience = Patience::telling(deadline, tell);
        tokio::select! {
            done = work(cluster, &patience) => done.map_err(|error| told(&error)),
            () = interrupt.stop.cancelled() => Err(interrupted()),
        }
    });
    progress.lock().expect("showing an event does not panic").clear();
    done
}

/// Reaches the cluster and does `work` on it, which ends as it should when somebody interrupts; twice, and it is dropped.
pub(super) fn attended<T>(
    target: &Target,
    work: impl AsyncFnOnce(&Cluster, &Interrupt) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let runtime = tokio::runtime::Runtime::new();
    let runtime = runtime.map_err(|error| CliError::new(4, format!("cannot start threads: {error}")))?;
    let done = runtime.block_on(async {
        let interrupt = Interrupt::default();
        let _signals = interrupt::listen(&interrupt)
            .map_err(|error| CliError::new(4, format!("cannot listen for signals: {error}")))?;
        let connection = tokio::select! {
            connected = connect(target) => connected.map_err(|error| told(&error.into()))?,
            () = interrupt.stop.cancelled() => return Err(interrupted()),
        };
        let cluster = Cluster::new(connection.client(), RunId::random());
        let done = tokio::select! {
            done = work(&cluster, &interrupt) => done,
            () = interrupt.give_up.cancelled() => Err(interrupted()),
        };
        connection.close().await;
        done
    });
    runtime.shutdown_background();
    done
}

fn interrupted() -> CliError {
    CliError::new(130, "interrupted").hint("the same command again goes on where this one stopped")
}

/// What is wrong with a mesh or its cluster, as a command says it.
pub(super) fn told(error: &MeshError) -> CliError {
    let code = if matches!(error, MeshError::Cluster(ClusterError::Late { .. })) { 5 } else { 4 };
    let told = CliError::new(code, error.to_string());
    error.hint().iter().fold(told, |told, hint| told.hints(hint))
}
