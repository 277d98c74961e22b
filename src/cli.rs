//! Arguments in, exit code out. One file per subcommand; the work itself is done elsewhere.

mod error;
mod workload;

use std::{ffi::OsString, path::Path, process::ExitCode};

use clap::{Parser, Subcommand};

pub use error::CliError;

/// Teach, learn and verify mutual TLS in a service mesh.
#[derive(Debug, Parser)]
#[command(name = "labctl", version, disable_version_flag = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One subcommand, one file, one `execute(self) -> Result<u8, CliError>`.
#[derive(Debug, Subcommand)]
enum Command {
    Workload(workload::WorkloadArgs),
}

/// Runs `labctl` with these arguments, the program's own name first.
///
/// A link that is named like a bundled program (as in the container image) runs that program instead.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(program) =
        arguments.first().and_then(|own| Path::new(own).file_name()?.to_str()).and_then(crate::programs::find)
    {
        return crate::programs::run_here(program, arguments.into_iter().skip(1));
    }
    match Cli::try_parse_from(arguments) {
        Ok(cli) => {
            let outcome = match cli.command {
                Command::Workload(workload) => workload.execute(),
            };
            ExitCode::from(outcome.unwrap_or_else(|error| error.report()))
        }
        Err(error) => error.exit(),
    }
}
