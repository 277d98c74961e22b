//! `labctl man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory, ValueHint};
use clap_mangen::Man;

use super::{Cli, CliError, output::print};

/// What the help says in the end.
pub const EXAMPLES: &str = "\
Examples:
  labctl man | man -l -                              read it
  labctl man --dir ~/.local/share/man/man1           install a page for labctl and for each subcommand";

/// Prints the manual page, or writes all of them
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for labctl and for each subcommand into this folder, which must exist
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

impl ManArgs {
    /// Prints or writes the pages.
    ///
    /// # Errors
    /// Exit code 4 if nobody can write.
    pub fn execute(self) -> Result<u8, CliError> {
        match &self.dir {
            Some(dir) => clap_mangen::generate_to(Cli::command(), dir).map_err(|error| {
                CliError::new(4, format!("cannot write the manual into {}: {error}", dir.display()))
                    .hint("the folder must be there, and you must be allowed to write into it")
            })?,
            None => {
                let mut page = Vec::new();
                Man::new(Cli::command()).render(&mut page).expect("writing to memory does not fail");
                print(&String::from_utf8_lossy(&page))?;
            }
        }
        Ok(0)
    }
}
