//! `labctl migrate`: policies of the old API, said in the new one.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    CliError,
    explain::{refused, warn},
    output::print,
};
use crate::{
    mesh::{
        explain::manifest,
        migrate::{MigrateError, Migration, migrate},
        snapshot::Settings,
    },
    report::stream::words,
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl migrate policies.yaml                      the same in PeerAuthentications
  labctl migrate policies.yaml services.yaml        policies with targets: the Services say which pods are meant
  labctl migrate manifests/ | kubectl apply -f -    then delete the old ones, which nobody reads any more

Exit codes: 0 the same in every respect, 2 a file cannot be read, 3 something would be otherwise, or was of no
effect before, 6 the manifests are wrong, or do not say enough.";

/// How the new policies are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A list
    Json,
    /// A document for each, with what it was
    Yaml,
}

/// Says policies of the old API in the new one
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Manifests: files or directories
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How to write the new policies
    #[arg(short, long, value_enum, default_value_t = Format::Yaml)]
    output: Format,
}

impl MigrateArgs {
    /// Prints the new policies.
    ///
    /// # Errors
    /// 2 if a file cannot be read, 6 if it is wrong or does not say enough.
    pub fn execute(self) -> Result<u8, CliError> {
        let files = manifest::read(&self.files).map_err(|error| CliError::new(2, error.to_string()))?;
        let manifests = manifest::load(&files, Settings::default()).map_err(|problems| refused(&problems))?;
        warn(&manifests.warnings);
        let snapshot = &manifests.snapshot;
        if snapshot.policies.is_empty() && snapshot.mesh_policies.is_empty() {
            let error = CliError::new(2, "there is no Policy or MeshPolicy of authentication.istio.io in these files");
            return Err(error.hint("`labctl explain -f FILE` says what they mean"));
        }
        let migration = migrate(snapshot).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            let hints: std::collections::BTreeSet<String> = errors.iter().map(MigrateError::hint).collect();
            hints.into_iter().fold(CliError::new(6, lines.join("\n")), CliError::hint)
        })?;
        print(&match self.output {
            Format::Json => format!("{:#}\n", list(&migration)),
            Format::Yaml => documents(&migration)?,
        })?;
        for ignored in &migration.ignored {
            words(&format!("note: nothing takes the place of {ignored}: a PeerAuthentication applies there already\n"));
        }
        for difference in &migration.differences {
            words(&format!("warning: {difference}\n"));
        }
        Ok(if migration.differences.is_empty() && manifests.warnings.is_empty() { 0 } else { 3 })
    }
}

fn list(migration: &Migration) -> serde_json::Value {
    let items: Vec<_> = migration.replacements.iter().map(|replacement| replacement.object.clone()).collect();
    serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

/// Each new policy under a comment that says what it was.
fn documents(migration: &Migration) -> Result<String, CliError> {
    let documents = migration.replacements.iter().map(|replacement| {
        let was: Vec<String> = replacement.was.iter().map(ToString::to_string).collect();
        let text = serde_yaml::to_string(&replacement.object)
            .map_err(|error| CliError::new(4, format!("the policy is not YAML: {error}")))?;
        Ok(format!("# Was {}.\n{text}", was.join(", ")))
    });
    Ok(documents.collect::<Result<Vec<_>, CliError>>()?.join("---\n"))
}
