//! Finds and loads the lab of a command line, with errors that a trainer can act on.

use crate::{
    cli::CliError,
    lab::{self, FindError, LoadError, model::Lab},
    mesh::install::Settings,
};

/// Exit code of invalid lab content.
const CONTENT: u8 = 6;
/// Exit code of a usage error, or of nothing to run.
const USAGE: u8 = 2;

/// Which lab, with which parameters.
#[derive(Clone, Debug, clap::Args)]
pub struct LabArgs {
    /// A bundled lab's name, or the path of a lab's folder
    #[arg(value_name = "LAB")]
    pub lab: String,
    /// Set a parameter of the lab
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
}

impl LabArgs {
    /// Loads the lab.
    ///
    /// # Errors
    /// Exit code 2 for a lab that is not there and a parameter that it does not have, 6 for one that is not sound.
    pub fn load(&self) -> Result<Lab, CliError> {
        self.load_for(&Settings::default().image)
    }

    /// As [`LabArgs::load`], with another image for the bundled programs.
    ///
    /// # Errors
    /// As [`LabArgs::load`].
    pub fn load_for(&self, image: &str) -> Result<Lab, CliError> {
        let found = lab::find(&self.lab).map_err(|error| not_found(&error))?;
        found.load_for(&self.set, image).map_err(|error| match error {
            LoadError::Content(problems) => {
                let count = problems.iter().count();
                let plural = if count == 1 { "problem" } else { "problems" };
                let drawn = problems.draw(crate::report::style::colour(&std::io::stderr()));
                let message = format!("`{}` is not a sound lab: {count} {plural}\n\n{drawn}", self.lab);
                CliError::new(CONTENT, message)
            }
            LoadError::Setting(error) => {
                let hint = format!("`labctl show {}` lists the parameters", self.lab);
                CliError::new(USAGE, error.to_string()).hint(hint)
            }
        })
    }
}

pub(super) fn not_found(error: &FindError) -> CliError {
    let message = error.to_string();
    match error {
        FindError::Unknown { .. } => {
            CliError::new(USAGE, message).hint("a lab of your own is given by its path: `labctl run ./my-lab`")
        }
        FindError::NoFile(_) => CliError::new(USAGE, message).hint("give the folder that holds the `lab.yaml`"),
        FindError::NoLabs(_) => {
            CliError::new(USAGE, message).hint("give a folder of labs, or the folder that holds a `lab.yaml`")
        }
        FindError::NoFolder(_) => CliError::new(USAGE, message).hint("`labctl list` shows the bundled labs"),
        FindError::Unreadable { .. } => CliError::new(CONTENT, message),
    }
}

/// `name=value`; the value may have further `=`.
pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
