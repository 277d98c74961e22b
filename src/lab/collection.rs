//! Where labs are found by their names: in a folder or a pack of one's own, then among the bundled ones.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    find::{self, FindError, Found, bundled, is_bundled},
    pack::{Pack, PackError},
    search::within,
};
use crate::render::object::is_label;

/// Labs by name.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    own: Option<Own>,
}

/// What comes before the bundled labs.
#[derive(Clone, Debug)]
enum Own {
    Folder(PathBuf),
    Pack { file: PathBuf, pack: Pack },
}

/// Where a lab comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The program.
    Bundled,
    /// A folder or a pack; it may take the place of a bundled lab.
    Own {
        /// The folder of labs, or the pack.
        from: PathBuf,
        /// Whether a bundled lab has the same name.
        shadows: bool,
    },
}

/// Why there is no collection.
#[derive(Debug, thiserror::Error)]
pub enum CollectionError {
    /// The folder cannot be looked into.
    #[error(transparent)]
    Folder(#[from] FindError),
    /// The file is not a sound pack.
    #[error("`{}` is refused: {why}", file.display())]
    Pack {
        /// The file.
        file: PathBuf,
        /// Why.
        why: Box<PackError>,
    },
}

impl Collection {
    /// The labs of a folder of labs, or of a pack, and then the bundled ones.
    ///
    /// # Errors
    /// If nothing is there, a pack is not sound, or a folder has no lab.
    pub fn open(path: &Path) -> Result<Self, CollectionError> {
        if !path.exists() {
            return Err(FindError::NoFolder(path.to_owned()).into());
        }
        let own = if path.is_dir() {
            within(path)?;
            Own::Folder(path.to_owned())
        } else {
            Self::open_pack(path)?
        };
        Ok(Self { own: Some(own) })
    }

    fn open_pack(file: &Path) -> Result<Own, CollectionError> {
        let file = file.to_owned();
        match Pack::open(&file) {
            Ok(pack) => Ok(Own::Pack { file, pack }),
            Err(why) => Err(CollectionError::Pack { file, why: Box::new(why) }),
        }
    }

    /// The labs of a pack that was read already, and then the bundled ones; `file` is what messages call the pack.
    pub fn of(file: &Path, pack: Pack) -> Self {
        Self { own: Some(Own::Pack { file: file.to_owned(), pack }) }
    }

    /// All labs by name.
    ///
    /// # Errors
    /// If a folder can no longer be looked into.
    pub fn list(&self) -> Result<BTreeMap<String, Origin>, FindError> {
        let mut labs: BTreeMap<String, Origin> = bundled().into_iter().map(|name| (name, Origin::Bundled)).collect();
        let (from, names) = match &self.own {
            None => return Ok(labs),
            Some(Own::Folder(folder)) => (folder, names_in(folder)?),
            Some(Own::Pack { file, pack }) => (file, pack.labs().into_iter().map(str::to_owned).collect()),
        };
        for name in names {
            let origin = Origin::Own { from: from.clone(), shadows: is_bundled(&name) };
            labs.insert(name, origin);
        }
        Ok(labs)
    }

    /// Finds a lab by its name here, or as [`find()`](super::find()) does.
    ///
    /// # Errors
    /// See [`FindError`].
    pub fn find(&self, name_or_path: &str) -> Result<Found, FindError> {
        let own = match &self.own {
            Some(Own::Folder(folder))
                if is_label(name_or_path) && folder.join(name_or_path).join(find::FILE).is_file() =>
            {
                Some(find::in_folder(&folder.join(name_or_path))?)
            }
            Some(Own::Pack { file, pack }) => pack.lab(file, name_or_path),
            _ => None,
        };
        match own.map_or_else(|| find::find(name_or_path), Ok) {
            Err(FindError::Unknown { name, .. }) => Err(FindError::unknown(&name, self.list()?.into_keys().collect())),
            found => found,
        }
    }

    /// The pack that comes first, if it is one.
    pub fn pack(&self) -> Option<&Pack> {
        if let Some(Own::Pack { pack, .. }) = &self.own { Some(pack) } else { None }
    }
}

/// Labs by names that can be typed as such.
fn names_in(folder: &Path) -> Result<Vec<String>, FindError> {
    let labs = within(folder)?;
    let names = labs.iter().filter_map(|lab| Path::new(lab).file_name()?.to_str());
    Ok(names.filter(|name| is_label(name)).map(str::to_owned).collect())
}
