//! `labctl pack`: labs as one file, for a room without a network.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{
    CliError,
    labs::{CONTENT, LabsArgs, find, load, search},
    output::print,
};
use crate::{
    image::blob::digest,
    lab::{
        Collection,
        pack::{Pack, PackError},
    },
    mesh::install::Settings,
    report::stream::words,
    whole,
};

/// What follows the options in the help.
pub const EXAMPLES: &str = "\
Examples:
  labctl pack ./my-lab mtls-strict -o class.labpack        a lab of your own and a bundled one
  labctl pack ./labs -o class.labpack                      all labs of a folder
  labctl list --labs-dir class.labpack                     what is in a pack
  labctl run --labs-dir class.labpack my-lab               run a lab of it; nothing is unpacked";

/// Packs labs with all that they need into one file
#[derive(Debug, Args)]
pub struct PackArgs {
    /// Labs' names, paths of labs' folders, or folders of labs
    #[arg(value_name = "LAB", required = true)]
    labs: Vec<String>,
    #[command(flatten)]
    from: LabsArgs,
    /// The file to write
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,
}

impl PackArgs {
    /// Packs the labs, and loads each of them from the pack.
    ///
    /// # Errors
    /// 2 for labs that are not there, 4 if the pack cannot be written, 6 for a lab that is not sound or cannot be packed.
    pub fn execute(self) -> Result<u8, CliError> {
        let collection = self.from.collection()?;
        let mut found = Vec::new();
        for name in search(&collection, &self.labs)? {
            let lab = load(&collection, &name, &[], &Settings::default().image)?;
            found.push((lab.metadata.name, find(&collection, &name)?));
        }
        let pack = Pack::of(found.iter().map(|(name, found)| (name.as_str(), found)));
        let (pack, bytes) =
            pack.and_then(|pack| pack.write().map(|bytes| (pack, bytes))).map_err(|error| unpackable(&error))?;
        self.prove(&pack)?;
        let (labs, files) = (summary(&pack), pack.files().count());
        whole::write(&self.output, |out| out.write_all(&bytes))
            .map_err(|error| CliError::new(4, format!("cannot write {}: {error}", self.output.display())))?;
        words(&format!("{}: {labs}; {files} files, {} bytes\n", self.output.display(), bytes.len()));
        print(&format!("{}\n", digest(&bytes)))?;
        Ok(0)
    }

    /// What is in the pack must be enough.
    fn prove(&self, pack: &Pack) -> Result<(), CliError> {
        let packed = Collection::of(&self.output, pack.clone());
        for name in pack.labs() {
            load(&packed, name, &[], &Settings::default().image).map_err(|error| {
                error.hint(
                    "a pack has the bundled templates whose names stand in the lab; copy others into its `templates/`",
                )
            })?;
        }
        Ok(())
    }
}

/// The labs of a pack on one line.
pub(super) fn summary(pack: &Pack) -> String {
    pack.labs().into_iter().collect::<Vec<_>>().join(", ")
}

fn unpackable(error: &PackError) -> CliError {
    let refused = CliError::new(CONTENT, format!("these labs cannot be packed: {error}"));
    match error {
        PackError::TwiceTheSame(_) => refused.hint("two labs have the same name in their `metadata`"),
        PackError::Path(_) | PackError::Twice(..) => refused.hint("rename the file, and where the lab names it"),
        _ => refused,
    }
}
