//! Finds and loads the labs of a command line, with errors that a trainer can act on.

use std::{collections::BTreeMap, path::PathBuf};

use clap::ValueHint;

use crate::{
    cli::CliError,
    lab::{
        Collection, CollectionError, FindError, Found, LoadError, Origin,
        model::{Lab, Step},
        nearest::nearest,
        pack::PackError,
    },
    mesh::install::Settings,
    report::stream::words,
};

/// Exit code of invalid lab content.
pub(super) const CONTENT: u8 = 6;
/// Exit code of a usage error, or of nothing to run.
pub(super) const USAGE: u8 = 2;

/// Where labs are looked for.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LabsArgs {
    /// A folder of labs, or a pack: where names of labs are looked up before the bundled ones
    #[arg(long, value_name = "DIR|PACK", env = "LABCTL_LABS_DIR", hide_env_values = true, value_hint = ValueHint::AnyPath)]
    labs_dir: Option<PathBuf>,
}

impl LabsArgs {
    /// The labs of this folder or pack.
    pub fn of(path: PathBuf) -> Self {
        Self { labs_dir: Some(path) }
    }

    /// The labs that can be named.
    ///
    /// # Errors
    /// Exit code 2 for a folder or pack that is not there, 6 for a pack that is not sound.
    pub fn collection(&self) -> Result<Collection, CliError> {
        let opened = self.labs_dir.as_deref().map_or_else(|| Ok(Collection::default()), Collection::open);
        opened.map_err(|error| match &error {
            CollectionError::Folder(FindError::NoFolder(_)) => {
                CliError::new(USAGE, error.to_string()).hint("give a folder of labs, or a pack of `labctl pack`")
            }
            CollectionError::Folder(error) => not_found(error),
            CollectionError::Pack { why, .. } => unusable(error.to_string(), why),
        })
    }
}

fn unusable(message: String, why: &PackError) -> CliError {
    match why {
        PackError::Unreadable(_) => CliError::new(USAGE, message),
        PackError::Format(_) => {
            CliError::new(CONTENT, message).hint("use the labctl that packed it, or pack the labs anew with this one")
        }
        _ => CliError::new(CONTENT, message)
            .hint("nothing of it was used; get it again from whoever made it with `labctl pack`"),
    }
}

/// Which lab, with which parameters.
#[derive(Clone, Debug, clap::Args)]
pub struct LabArgs {
    /// A lab's name, or the path of a lab's folder
    #[arg(value_name = "LAB")]
    pub lab: String,
    /// Set a parameter of the lab
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    #[command(flatten)]
    from: LabsArgs,
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
        let collection = self.from.collection()?;
        if let Some(Origin::Own { from, shadows: true }) = list(&collection)?.get(&self.lab) {
            words(&format!("note: `{}` is the lab in {}, not the bundled one\n", self.lab, from.display()));
        }
        load(&collection, &self.lab, &self.set, image)
    }
}

/// All labs of a collection, by name.
///
/// # Errors
/// Exit code 6 for a folder that can no longer be looked into.
pub fn list(collection: &Collection) -> Result<BTreeMap<String, Origin>, CliError> {
    collection.list().map_err(|error| not_found(&error))
}

/// The labs that a command line means; see [`Collection::search`].
///
/// # Errors
/// Exit code 2 for a folder without labs, 6 for one that cannot be looked into.
pub fn search(collection: &Collection, names_or_paths: &[String]) -> Result<Vec<String>, CliError> {
    collection.search(names_or_paths).map_err(|error| not_found(&error))
}

/// Finds a lab of a collection.
///
/// # Errors
/// Exit code 2 for a lab that is not there, 6 for one that cannot be read.
pub fn find(collection: &Collection, name_or_path: &str) -> Result<Found, CliError> {
    collection.find(name_or_path).map_err(|error| not_found(&error))
}

/// Loads a lab of a collection.
///
/// # Errors
/// As [`LabArgs::load`].
pub fn load(collection: &Collection, lab: &str, set: &[(String, String)], image: &str) -> Result<Lab, CliError> {
    find(collection, lab)?.load_for(set, image).map_err(|error| not_loaded(collection, lab, error))
}

/// Says why a lab that was found, and is called so on the command line, cannot be loaded.
pub fn not_loaded(collection: &Collection, named: &str, error: LoadError) -> CliError {
    let problems = match error {
        LoadError::Content(problems) => problems,
        LoadError::Setting(error) => {
            let hint = format!("`labctl show {named}` lists the parameters");
            return CliError::new(USAGE, error.to_string()).hint(hint);
        }
    };
    let count = problems.iter().count();
    let plural = if count == 1 { "problem" } else { "problems" };
    let drawn = problems.draw(crate::report::style::colour(&std::io::stderr()));
    let error = CliError::new(CONTENT, format!("`{named}` is not a sound lab: {count} {plural}\n\n{drawn}"));
    let own = env!("CARGO_PKG_VERSION");
    match collection.pack().map(|pack| pack.labctl().escape_debug().to_string()).filter(|packed| packed != own) {
        Some(packed) => error.hint(format!("it was packed by labctl {packed}, and this is {own}")),
        None => error,
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

/// Says what can be done about a lab that is not there.
fn not_found(error: &FindError) -> CliError {
    let message = error.to_string();
    match error {
        FindError::Unknown { .. } => {
            CliError::new(USAGE, message).hint("a lab of your own is given by its path, as in `./my-lab`")
        }
        FindError::NoFile(_) => CliError::new(USAGE, message).hint("give the folder that holds the `lab.yaml`"),
        FindError::NoLabs(_) => {
            CliError::new(USAGE, message).hint("give a folder of labs, or the folder that holds a `lab.yaml`")
        }
        FindError::Pack(file) => {
            let file = file.display();
            CliError::new(USAGE, message).hint(format!(
                "name a lab of it: `labctl run --labs-dir {file} LAB`; `labctl list --labs-dir {file}` shows them"
            ))
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
