//! `labctl docs`: the guide, opened or written out.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::{Args, ValueHint};

use super::{CliError, book::failed, output::print};
use crate::book::{Edition, Shelf, guide};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl docs                                         open the guide in a browser
  labctl docs -o guide                                write it into a folder, for a web server or a room without network
  labctl docs -o answers --edition trainer            with the solutions

The browser is $BROWSER, or else the desktop's own. Without one, open the file that is printed.";

/// How the pages say whose they are.
const OURS: &str = "<meta name=\"generator\" content=\"labctl";

/// Opens the guide, or writes it out
#[derive(Debug, Args)]
pub struct DocsArgs {
    /// Write the guide into this folder, and open nothing
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    output: Option<PathBuf>,
    /// For whom
    #[arg(long, value_enum, default_value_t = Edition::Learner)]
    edition: Edition,
}

impl DocsArgs {
    /// Writes the guide, and opens it unless a folder was named.
    ///
    /// # Errors
    /// Exit code 2 for a folder with pages of somebody else, 4 if nobody can write.
    pub fn execute(self) -> Result<u8, CliError> {
        let files = guide::files(&super::book::writer(self.edition, Shelf::Program)).map_err(|error| failed(&error))?;
        let folder = match &self.output {
            Some(folder) => folder.clone(),
            None => kept_folder(self.edition).map_err(|error| unwritten(Path::new("a temporary folder"), &error))?,
        };
        let index = folder.join("index.html");
        refuse_what_is_not_ours(&index)?;
        guide::write(&files, &folder).map_err(|error| unwritten(&folder, &error))?;
        print(&format!("{}\n", index.display()))?;
        if self.output.is_none() {
            open(&index);
        }
        Ok(0)
    }
}

/// A folder for the guide of this version: where the user's caches are, else one that the system makes.
fn kept_folder(edition: Edition) -> io::Result<PathBuf> {
    let named = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    match named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache"))) {
        Some(caches) => Ok(caches.join("labctl").join(format!("guide-{}-{edition}", env!("CARGO_PKG_VERSION")))),
        None => Ok(tempfile::Builder::new().prefix("labctl-guide-").tempdir()?.keep()),
    }
}

fn refuse_what_is_not_ours(index: &Path) -> Result<(), CliError> {
    match fs::read_to_string(index) {
        Ok(page) if !page.contains(OURS) => {
            let message = format!("{} is there already, and is no page of this guide", index.display());
            Err(CliError::new(2, message).hint("nothing was written; name a folder that is empty or not there"))
        }
        _ => Ok(()),
    }
}

fn unwritten(folder: &Path, error: &io::Error) -> CliError {
    CliError::new(4, format!("cannot write the guide into {}: {error}", folder.display()))
        .hint("name a folder of yours with -o DIR")
}

/// Opens a page; without a browser its path was printed, which is enough.
fn open(page: &Path) {
    let desktop = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let browser = env::var_os("BROWSER").filter(|browser| !browser.is_empty()).unwrap_or_else(|| desktop.into());
    let _ = Command::new(browser).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}
