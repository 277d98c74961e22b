//! `labctl completion SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, CliError, output::print};

/// What the help says in the end.
pub const EXAMPLES: &str = "\
Examples:
  source <(labctl completion bash)                                  for this shell
  labctl completion bash > ~/.local/share/bash-completion/completions/labctl
  labctl completion zsh > \"${fpath[1]}/_labctl\"
  labctl completion fish > ~/.config/fish/completions/labctl.fish";

/// Prints what a shell needs to complete labctl's arguments
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionArgs {
    /// Prints the script.
    ///
    /// # Errors
    /// If nobody can write.
    pub fn execute(self) -> Result<u8, CliError> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "labctl", &mut script);
        print(&String::from_utf8_lossy(&script))?;
        Ok(0)
    }
}
