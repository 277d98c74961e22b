//! `labctl version`.

use clap::{Args, ValueEnum};

use super::{CliError, output::print};

/// How the version is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Shows the version of labctl and of what it reads and writes
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// How to write it
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

impl VersionArgs {
    /// Prints the version.
    ///
    /// # Errors
    /// If nobody can write.
    pub fn execute(self) -> Result<u8, CliError> {
        let version = env!("CARGO_PKG_VERSION");
        let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
        print(&match self.output {
            Format::Text => format!("labctl {version} ({platform})\n"),
            Format::Json => {
                let api = ["labctl/v1"];
                let version = serde_json::json!({ "version": version, "platform": platform, "apiVersions": api });
                format!("{version:#}\n")
            }
        })?;
        Ok(0)
    }
}
