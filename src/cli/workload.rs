//! `labctl workload NAME [ARGS...]`: runs a bundled program as this process.

use std::ffi::OsString;

use clap::Args;

use super::{CliError, output::print};
use crate::programs;

/// Run a bundled program (httpbin, curl, sleep, ...) as this process.
#[derive(Debug, Args)]
pub struct WorkloadArgs {
    /// The program's name; without one, the programs are listed.
    name: Option<String>,
    /// The program's own arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl WorkloadArgs {
    /// Runs the program and answers its exit code, or prints the list of programs.
    ///
    /// # Errors
    /// Exit code 2 if there is no such program.
    pub fn execute(self) -> Result<u8, CliError> {
        let Some(name) = self.name else {
            print(&programs::names().map(|name| format!("{name}\n")).collect::<String>())?;
            return Ok(0);
        };
        match programs::find(&name) {
            Some(program) => Ok(programs::run_to_exit(program, self.arguments.into_iter()).0),
            None => Err(unknown(&name)),
        }
    }
}

fn unknown(name: &str) -> CliError {
    let error = CliError::new(2, format!("there is no bundled program `{name}`"));
    let near = programs::names().map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
    match near.filter(|(distance, _)| *distance <= 2) {
        Some((_, known)) => error.hint(format!("did you mean `{known}`?")),
        None => error.hint(format!("there are {}", programs::names().collect::<Vec<_>>().join(", "))),
    }
}
