//! Writing an archive to its place: whole, or not at all.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Image, ImageName, archive};

/// An archive that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the image to {}: {why}", .file.display())]
pub struct SaveError {
    /// Where it should go.
    pub file: PathBuf,
    /// What the system says.
    pub why: io::Error,
}

/// Writes an archive beside `file` and moves it there when it is complete. A terminal, a pipe or a device is written
/// to directly.
///
/// # Errors
/// [`SaveError`]; `file` is then what it was before.
pub fn save(image: &Image, name: &ImageName, file: &Path) -> Result<(), SaveError> {
    let saved = match fs::metadata(file) {
        Ok(there) if there.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")),
        Ok(there) if !there.is_file() => directly(image, name, file),
        // A file that may not be written is not to be replaced either.
        Ok(_) => fs::OpenOptions::new().append(true).open(file).and_then(|_| beside(image, name, file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => beside(image, name, file),
        Err(error) => Err(error),
    };
    saved.map_err(|why| SaveError { file: file.to_owned(), why })
}

fn directly(image: &Image, name: &ImageName, file: &Path) -> io::Result<()> {
    archive::write(image, name, fs::OpenOptions::new().write(true).open(file)?)
}

fn beside(image: &Image, name: &ImageName, file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let create = |path: &Path| fs::File::create_new(path);
    let mut unfinished = tempfile::Builder::new().prefix(".labctl-image-").make_in(folder, create)?;
    let mut out = io::BufWriter::new(unfinished.as_file_mut());
    archive::write(image, name, &mut out)?;
    out.flush()?;
    drop(out);
    unfinished.persist(file).map(drop).map_err(|error| error.error)
}
