//! A pack to a folder: all of it, or nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Pack;

/// Why nothing was unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Something has the folder's name.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("cannot write `{}`: {why}", folder.display())]
    Unwritable {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

impl Pack {
    /// Writes the labs into a new folder, which appears when it is complete.
    ///
    /// # Errors
    /// [`UnpackError`]; then nothing was written.
    pub fn unpack(&self, folder: &Path) -> Result<(), UnpackError> {
        if folder.symlink_metadata().is_ok() {
            return Err(UnpackError::Exists(folder.to_owned()));
        }
        self.write_beside(folder).map_err(|why| UnpackError::Unwritable { folder: folder.to_owned(), why })
    }

    /// In a folder that nobody else may enter, so that nobody puts a link in the way.
    fn write_beside(&self, folder: &Path) -> io::Result<()> {
        let beside = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::metadata(beside)?;
        let private = tempfile::Builder::new().prefix(".labctl-unpack-").tempdir_in(beside)?;
        let labs = private.path().join("labs");
        for (path, text) in self.files() {
            let file = labs.join(path);
            fs::create_dir_all(file.parent().expect("every file of a pack is in a lab's folder"))?;
            fs::write(file, text)?;
        }
        fs::rename(labs, folder)
    }
}
