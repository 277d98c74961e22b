//! `labctl sidecar`: a standalone sidecar, and the rules that send connections to one.

mod rules;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::CliError;
use crate::{
    mesh::agent,
    programs,
    sidecar::standalone::{self, StandaloneError, model::EXAMPLE},
};

/// Wrap any two programs in mutual TLS, with listeners and addresses from a file.
#[derive(Debug, Args)]
#[command(after_help = help(), args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SidecarArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// The file that says where to listen, whom to trust and where to forward.
    #[arg(long, value_name = "FILE", required_unless_present = "role", conflicts_with = "role")]
    config: Option<PathBuf>,
    /// Be a proxy of the mesh, as in a pod: the control plane says what to do, CA_ADDR where it is.
    #[arg(long, value_enum, required_unless_present = "config")]
    role: Option<Role>,
}

/// What a proxy of the mesh is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Role {
    /// Traffic from outside
    Gateway,
    /// The application beside it
    Sidecar,
}

/// What can be asked of a sidecar besides running.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show the rules that send a pod's connections through its sidecar, as `nft list ruleset` prints them
    #[command(after_help = rules::EXAMPLES)]
    Rules(rules::RulesArgs),
}

fn help() -> String {
    format!(
        "SIGTERM or Ctrl-C drains; SIGHUP reads FILE and the certificates again.\nPaths in FILE begin at its folder.\n\n\
         Example of FILE, with all keys:\n\n{EXAMPLE}"
    )
}

impl SidecarArgs {
    /// Runs until the machine asks to end, or shows what was asked for.
    ///
    /// # Errors
    /// With exit code 2 if the file cannot be read, 6 if it or a certificate is wrong, 4 if the surroundings are.
    pub fn execute(self) -> Result<u8, CliError> {
        match (self.command, self.config, self.role) {
            (Some(Command::Rules(arguments)), ..) => arguments.execute(),
            (None, None, Some(role)) => {
                let role = match role {
                    Role::Gateway => "gateway",
                    Role::Sidecar => "sidecar",
                };
                Ok(programs::run_to_exit(agent::program, ["--role", role].map(OsString::from).into_iter()).0)
            }
            (None, Some(config), _) => {
                standalone::run(&config).map_or_else(|error| Err(explain(&error, &config)), |()| Ok(0))
            }
            (None, None, None) => Err(CliError::new(2, "a sidecar needs a file: `labctl sidecar --config FILE`")),
        }
    }
}

fn explain(error: &StandaloneError, config: &PathBuf) -> CliError {
    let refused = |code| CliError::new(code, error.to_string());
    match error {
        StandaloneError::Config { .. } => refused(6).hint("`labctl sidecar --help` shows every key"),
        StandaloneError::Identity { .. } | StandaloneError::NoIdentity { .. } | StandaloneError::Tls(_) => refused(6),
        StandaloneError::Read { path, .. } if path == config => {
            refused(2).hint("give the path of a file: `labctl sidecar --config FILE`")
        }
        StandaloneError::Listen { .. }
        | StandaloneError::Read { .. }
        | StandaloneError::Resolve { .. }
        | StandaloneError::Start(_) => refused(4),
    }
}
