//! `labctl new`: a lab of one's own to begin with.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

use crate::{
    cli::{
        CliError,
        labs::{self, LabsArgs},
        output::print,
    },
    lab::{self, CopyError, Files},
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl new my-lab                       a small lab that `labctl test ./my-lab` proves at once
  labctl new my-lab --from mtls-strict    a copy of a bundled lab, with the templates that it uses";

/// Makes a lab of one's own
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The folder to make; its last part is the lab's name
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// Copy this lab: a bundled lab's name, or the path of a lab's folder
    #[arg(long, value_name = "LAB")]
    from: Option<String>,
    #[command(flatten)]
    labs: LabsArgs,
}

impl NewArgs {
    /// Makes the folder.
    ///
    /// # Errors
    /// 2 for a name that is not possible or taken, 6 for a lab to copy that is not sound, 4 if nobody can write there.
    pub fn execute(self) -> Result<u8, CliError> {
        let name = self.name()?;
        let files = match &self.from {
            None => lab::starter().copy(name).expect("the starter is sound"),
            Some(from) => self.copied(from, name)?,
        };
        write(&self.folder, &files).map_err(|error| self.not_written(&error))?;
        print(&said(&self.folder, &files))?;
        Ok(0)
    }

    /// The files of another lab, under a new name.
    fn copied(&self, from: &str, name: &str) -> Result<Files, CliError> {
        let collection = self.labs.collection()?;
        labs::find(&collection, from)?.copy(name).map_err(|error| match error {
            CopyError::Load(error) => labs::not_loaded(&collection, from, error),
            CopyError::Template(error) => CliError::new(labs::CONTENT, error.to_string()),
        })
    }

    /// The lab's name, if it is possible and nothing is there yet.
    fn name(&self) -> Result<&str, CliError> {
        let shown = self.folder.display();
        let name = self.folder.file_name().and_then(|name| name.to_str()).filter(|name| lab::is_name(name));
        let name = name.ok_or_else(|| {
            CliError::new(labs::USAGE, format!("`{shown}` is not possible as a lab's name"))
                .hint("lower case letters, digits and `-`, at most 63, and not digits alone")
        })?;
        match fs::symlink_metadata(&self.folder) {
            Ok(_) => Err(CliError::new(labs::USAGE, format!("`{shown}` is there already"))
                .hint("choose another name; nothing is ever overwritten")),
            Err(_) => Ok(name),
        }
    }

    fn not_written(&self, error: &io::Error) -> CliError {
        let (folder, parent) = (self.folder.display(), parent(&self.folder).display());
        match error.kind() {
            io::ErrorKind::NotFound => {
                CliError::new(labs::USAGE, format!("cannot make `{folder}`: the folder `{parent}` is not there"))
                    .hint("make it first")
            }
            _ => CliError::new(4, format!("cannot make `{folder}`: {error}"))
                .hint("nothing was written; name a folder that is yours"),
        }
    }
}

/// Writes all files, or none: they are written beside their place, and moved there when they are complete.
fn write(folder: &Path, files: &Files) -> io::Result<()> {
    let beside = tempfile::Builder::new().prefix(".labctl-new-").tempdir_in(parent(folder))?;
    // The temporary folder is for its owner only; what is made in it is for whom the umask says.
    let complete = beside.path().join("lab");
    fs::create_dir(&complete)?;
    for (path, text) in files {
        let path = complete.join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder"))?;
        fs::write(path, text)?;
    }
    fs::rename(complete, folder)
}

fn parent(folder: &Path) -> &Path {
    folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What was made, and what to type next.
fn said(folder: &Path, files: &Files) -> String {
    let mut text = String::new();
    for file in files.keys() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", folder.join(file).display());
    }
    let plain = folder.parent().is_some_and(|parent| parent.as_os_str().is_empty());
    let lab = format!("{}{}", if plain { "./" } else { "" }, folder.display());
    text + &format!(
        "\nNext:\n  labctl test {lab} --mutate   prove it\n  labctl show {lab}            read it as a trainee does\n  \
         labctl run {lab}             run it\n"
    )
}
