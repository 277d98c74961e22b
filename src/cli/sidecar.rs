//! `labctl sidecar`: a standalone sidecar.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::sidecar::standalone::{self, StandaloneError, model::EXAMPLE};

/// Wrap any two programs in mutual TLS, with listeners and addresses from a file.
#[derive(Debug, Args)]
#[command(after_help = help())]
pub struct SidecarArgs {
    /// The file that says where to listen, whom to trust and where to forward.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

fn help() -> String {
    format!(
        "SIGTERM or Ctrl-C drains; SIGHUP reads FILE and the certificates again.\nPaths in FILE begin at its folder.\n\n\
         Example of FILE, with all keys:\n\n{EXAMPLE}"
    )
}

impl SidecarArgs {
    /// Runs until the machine asks to end.
    ///
    /// # Errors
    /// With exit code 2 if the file cannot be read, 6 if it or a certificate is wrong, 4 if the surroundings are.
    pub fn execute(self) -> Result<u8, CliError> {
        standalone::run(&self.config).map_or_else(|error| Err(self.explain(&error)), |()| Ok(0))
    }

    fn explain(&self, error: &StandaloneError) -> CliError {
        let refused = |code| CliError::new(code, error.to_string());
        match error {
            StandaloneError::Config { .. } => refused(6).hint("`labctl sidecar --help` shows every key"),
            StandaloneError::Identity { .. } | StandaloneError::NoIdentity { .. } | StandaloneError::Tls(_) => {
                refused(6)
            }
            StandaloneError::Read { path, .. } if *path == self.config => {
                refused(2).hint("give the path of a file: `labctl sidecar --config FILE`")
            }
            StandaloneError::Listen { .. }
            | StandaloneError::Read { .. }
            | StandaloneError::Resolve { .. }
            | StandaloneError::Start(_) => refused(4),
        }
    }
}
