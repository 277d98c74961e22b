//! Files that are written whole, or not at all.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// Writes beside `file` and moves it there when it is complete. A terminal, a pipe or a device is written to directly.
///
/// # Errors
/// What the system says, or `content`; `file` is then what it was before.
pub fn write(file: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    match fs::metadata(file) {
        Ok(there) if there.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")),
        Ok(there) if !there.is_file() => content(&mut fs::OpenOptions::new().write(true).open(file)?),
        // A file that may not be written is not to be replaced either.
        Ok(_) => fs::OpenOptions::new().append(true).open(file).and_then(|_| beside(file, content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => beside(file, content),
        Err(error) => Err(error),
    }
}

fn beside(file: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let create = |path: &Path| fs::File::create_new(path);
    let mut unfinished = tempfile::Builder::new().prefix(".labctl-").make_in(folder, create)?;
    let mut out = io::BufWriter::new(unfinished.as_file_mut());
    content(&mut out)?;
    out.flush()?;
    drop(out);
    unfinished.persist(file).map(drop).map_err(|error| error.error)
}
