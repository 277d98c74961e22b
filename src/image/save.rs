//! Writing an archive to its place: whole, or not at all.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{Image, ImageName, archive};
use crate::whole;

/// An archive that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the image to {}: {why}", .file.display())]
pub struct SaveError {
    /// Where it should go.
    pub file: PathBuf,
    /// What the system says.
    pub why: io::Error,
}

/// Writes an archive to `file`.
///
/// # Errors
/// [`SaveError`]; `file` is then what it was before.
pub fn save(image: &Image, name: &ImageName, file: &Path) -> Result<(), SaveError> {
    let saved = whole::write(file, |out| archive::write(image, name, out));
    saved.map_err(|why| SaveError { file: file.to_owned(), why })
}
