//! `labctl unpack`: a pack of labs to a folder, to look into it or to change it.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    CliError,
    labs::{LabsArgs, USAGE, load},
    pack::summary,
};
use crate::{lab::pack::UnpackError, mesh::install::Settings, report::stream::words};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl unpack class.labpack                   into the new folder ./class
  labctl unpack class.labpack -o labs           into another
  labctl run --labs-dir class my-lab            run a lab of it

A pack need not be unpacked to be used: see `labctl pack --help`.";

/// Writes the labs of a pack into a new folder
#[derive(Debug, Args)]
pub struct UnpackArgs {
    /// The pack
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The folder, which must not be there yet [default: the pack's name without its ending]
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    output: Option<PathBuf>,
}

impl UnpackArgs {
    /// Checks the pack and all of its labs, then writes them.
    ///
    /// # Errors
    /// 2 if the pack is not there or the folder is, 4 if it cannot be written, 6 for a pack that is not sound.
    pub fn execute(self) -> Result<u8, CliError> {
        let collection = LabsArgs::of(self.file.clone()).collection()?;
        let Some(pack) = collection.pack() else {
            let message = format!("`{}` is a folder, not a pack", self.file.display());
            return Err(CliError::new(USAGE, message).hint("it can be given to --labs-dir as it is"));
        };
        for name in pack.labs() {
            load(&collection, name, &[], &Settings::default().image)?;
        }
        let folder = self.folder()?;
        pack.unpack(&folder).map_err(|error| match error {
            UnpackError::Exists(_) => CliError::new(USAGE, error.to_string()).hint("give another folder with -o"),
            UnpackError::Unwritable { .. } => CliError::new(4, error.to_string()),
        })?;
        words(&format!("{}: {}\n", folder.display(), summary(pack)));
        Ok(0)
    }

    fn folder(&self) -> Result<PathBuf, CliError> {
        let named = || self.file.extension().and(self.file.file_stem()).map(PathBuf::from);
        self.output.clone().or_else(named).ok_or_else(|| {
            CliError::new(USAGE, format!("`{}` has no ending to leave out", self.file.display()))
                .hint("name the folder with -o")
        })
    }
}
