//! Finds and loads the lab of a command line, with errors that a trainer can act on.

use crate::{
    cli::CliError,
    lab::{
        self, FindError, Found, LoadError,
        model::{Lab, Step},
        nearest::nearest,
    },
    mesh::install::Settings,
};

/// Exit code of invalid lab content.
pub(super) const CONTENT: u8 = 6;
/// Exit code of a usage error, or of nothing to run.
pub(super) const USAGE: u8 = 2;

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
        find(&self.lab)?.load_for(&self.set, image).map_err(|error| not_loaded(&self.lab, error))
    }
}

/// Finds a lab.
///
/// # Errors
/// Exit code 2 for a lab that is not there, 6 for one that cannot be read.
pub fn find(name_or_path: &str) -> Result<Found, CliError> {
    lab::find(name_or_path).map_err(|error| not_found(&error))
}

/// Says why a lab that was found, and is called so on the command line, cannot be loaded.
pub fn not_loaded(named: &str, error: LoadError) -> CliError {
    match error {
        LoadError::Content(problems) => {
            let count = problems.iter().count();
            let plural = if count == 1 { "problem" } else { "problems" };
            let drawn = problems.draw(crate::report::style::colour(&std::io::stderr()));
            CliError::new(CONTENT, format!("`{named}` is not a sound lab: {count} {plural}\n\n{drawn}"))
        }
        LoadError::Setting(error) => {
            CliError::new(USAGE, error.to_string()).hint(format!("`labctl show {named}` lists the parameters"))
        }
    }
}

/// The step of this name, and its place in the lab.
///
/// # Errors
/// Exit code 2 if the lab has none.
pub fn step<'a>(lab: &'a Lab, name: &str) -> Result<(usize, &'a Step), CliError> {
    let found = lab.steps.iter().enumerate().find(|(_, step)| step.name.value == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = lab.steps.iter().map(|step| step.name.as_str()).collect();
        let hint = match nearest(name, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        CliError::new(USAGE, format!("the lab `{}` has no step `{name}`", lab.metadata.name)).hint(hint)
    })
}

/// The labs that a command line means; see [`lab::search()`].
///
/// # Errors
/// Exit code 2 for a folder without labs, 6 for one that cannot be looked into.
pub fn search(names_or_paths: &[String]) -> Result<Vec<String>, CliError> {
    lab::search(names_or_paths).map_err(|error| not_found(&error))
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
