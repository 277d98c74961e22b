//! What a command line names to labs: a lab by its name or path, or a folder with labs in it.

use std::{fs, path::Path};

use super::{
    collection::Collection,
    find::{FILE, FindError},
};

impl Collection {
    /// The labs that these names and paths stand for, each once and in their order, as [`Collection::find`] takes them.
    ///
    /// A folder that is no lab itself stands for the labs right in it, sorted: `./labs` for `./labs/a` and `./labs/b`.
    /// Anything else stands for itself, also where it is no lab: whoever finds it says what is wrong with it.
    ///
    /// # Errors
    /// [`FindError::Unreadable`] for a folder that cannot be looked into, [`FindError::NoLabs`] for one without a lab.
    pub fn search(&self, names_or_paths: &[String]) -> Result<Vec<String>, FindError> {
        let known = self.list()?;
        let mut labs = Vec::new();
        for named in names_or_paths {
            let path = Path::new(named);
            let found = if known.contains_key(named) || !path.is_dir() || path.join(FILE).is_file() {
                vec![named.clone()]
            } else {
                within(path)?
            };
            for lab in found {
                if !labs.contains(&lab) {
                    labs.push(lab);
                }
            }
        }
        Ok(labs)
    }
}

/// The folders of a folder that have a lab file. Hidden ones are left out, as a shell's `*` does.
pub(super) fn within(folder: &Path) -> Result<Vec<String>, FindError> {
    let unreadable = |source| FindError::Unreadable { path: folder.to_owned(), source };
    let mut labs = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && entry.path().join(FILE).is_file() {
            labs.push(folder.join(entry.file_name()).display().to_string());
        }
    }
    if labs.is_empty() {
        return Err(FindError::NoLabs(folder.to_owned()));
    }
    labs.sort();
    Ok(labs)
}
