//! The files of a pack: texts at sound paths, within limits.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use super::{PackError, path};
use crate::lab::find::FILE;

/// The largest file, in bytes; lab files and templates may be no larger anyway.
pub(super) const MAX_FILE: usize = 1 << 20;
/// How many files a pack may have.
const MAX_FILES: usize = 2000;

/// Texts by path.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Files(BTreeMap<String, Arc<str>>);

impl Files {
    /// Adds a file.
    ///
    /// # Errors
    /// For a path that is not possible or is there already, for what is no text, and for too much.
    pub fn insert(&mut self, path: &str, content: Vec<u8>) -> Result<(), PackError> {
        path::check(path)?;
        if content.len() > MAX_FILE {
            return Err(PackError::FileTooLarge(path.to_owned()));
        }
        if self.0.len() == MAX_FILES {
            return Err(PackError::TooManyFiles(MAX_FILES));
        }
        let text = String::from_utf8(content).map_err(|_| PackError::NotText(path.to_owned()))?;
        match self.0.entry(path.to_owned()) {
            Entry::Occupied(_) => Err(PackError::TwiceTheSame(path.to_owned())),
            Entry::Vacant(place) => {
                place.insert(text.into());
                Ok(())
            }
        }
    }

    /// Checks what all files must be together: labs, and different files on every system.
    ///
    /// # Errors
    /// For paths that are in each other's way, and for folders without a lab.
    pub fn check(&self) -> Result<(), PackError> {
        let mut folded: BTreeMap<String, &str> = BTreeMap::new();
        for path in self.0.keys() {
            if let Some(first) = folded.insert(path.to_ascii_lowercase(), path) {
                return Err(PackError::Twice(first.to_owned(), path.clone()));
            }
        }
        for (path, own) in &folded {
            let mut folders = path.match_indices('/').map(|(end, _)| &path[..end]);
            if let Some(folder) = folders.find(|folder| folded.contains_key(*folder)) {
                return Err(PackError::FileAndFolder(own[..folder.len()].to_owned()));
            }
        }
        let labs = self.0.keys().filter_map(|path| path.split('/').next());
        match labs.into_iter().find(|lab| !self.0.contains_key(&format!("{lab}/{FILE}"))) {
            Some(lab) => Err(PackError::NoLab(lab.to_owned())),
            None if self.0.is_empty() => Err(PackError::Empty),
            None => Ok(()),
        }
    }

    /// The text at a path.
    pub fn get(&self, path: &str) -> Option<&Arc<str>> {
        self.0.get(path)
    }

    /// All of them, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<str>)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text))
    }
}
