//! `labctl schema`: the form of a lab file, for editors.

use clap::Args;

use crate::{
    cli::{CliError, output::print},
    lab::schema,
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl schema > lab.schema.json     then, as the first line of a lab.yaml:
                                      # yaml-language-server: $schema=../lab.schema.json";

/// Prints the JSON Schema of lab files
#[derive(Debug, Args)]
pub struct SchemaArgs {}

impl SchemaArgs {
    /// Prints the schema.
    ///
    /// # Errors
    /// If nobody can write.
    pub fn execute(self) -> Result<u8, CliError> {
        print(&format!("{:#}\n", schema::document()))?;
        Ok(0)
    }
}
