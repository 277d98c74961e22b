//! Bytes to a pack. They may come from anybody: every limit holds before there is something to hold it for.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use flate2::bufread::GzDecoder;
use tar::{Archive, Entry, EntryType};

use super::{
    MAX_BYTES, Pack, PackError,
    files::{Files, MAX_FILE},
    manifest::{self, Manifest},
};

impl Pack {
    /// Reads a pack's file.
    ///
    /// # Errors
    /// See [`PackError`].
    pub fn open(file: &Path) -> Result<Self, PackError> {
        // A pipe or a device is never opened: it could keep us waiting, or have no end.
        if !fs::metadata(file).map_err(PackError::Unreadable)?.is_file() {
            return Err(PackError::Unreadable(io::Error::other("it is not a file")));
        }
        let opened = fs::File::open(file).map_err(PackError::Unreadable)?;
        Self::read(&limited(opened, "it is")?)
    }

    /// Reads a pack.
    ///
    /// # Errors
    /// See [`PackError`].
    pub fn read(bytes: &[u8]) -> Result<Self, PackError> {
        Self::read_tar(&unzip(bytes)?)
    }

    /// Reads a pack that was unzipped.
    ///
    /// # Errors
    /// See [`PackError`].
    pub fn read_tar(archive: &[u8]) -> Result<Self, PackError> {
        let mut tar = Archive::new(archive);
        // Raw: no extension of tar gives an entry another name or size than its header does.
        let mut entries = tar.entries().map_err(PackError::Damaged)?.raw(true).map(|entry| file(entry?));
        let manifest = match entries.next().transpose()? {
            Some((path, content)) if path == manifest::NAME => Manifest::read(&content)?,
            _ => return Err(PackError::NoManifest),
        };
        let mut files = Files::default();
        for entry in entries {
            let (path, content) = entry?;
            files.insert(&path, content)?;
        }
        files.check()?;
        manifest.check(&files)?;
        let pack = Self { labctl: manifest.labctl, files };
        if pack.archive() == archive { Ok(pack) } else { Err(PackError::OtherForm) }
    }
}

fn unzip(bytes: &[u8]) -> Result<Vec<u8>, PackError> {
    let mut decoder = GzDecoder::new(bytes);
    let archive = limited(&mut decoder, "it unpacks to").map_err(|error| match error {
        PackError::Unreadable(why) => PackError::Damaged(why),
        other => other,
    })?;
    if decoder.into_inner().is_empty() { Ok(archive) } else { Err(PackError::Trailing) }
}

fn limited(from: impl io::Read, what: &'static str) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(PackError::Unreadable)?;
    if bytes.len() > MAX_BYTES { Err(PackError::TooLarge(what)) } else { Ok(bytes) }
}

fn file(mut entry: Entry<'_, &[u8]>) -> Result<(String, Vec<u8>), PackError> {
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let kind = match entry.header().entry_type() {
        EntryType::Regular if entry.size() > MAX_FILE as u64 => return Err(PackError::FileTooLarge(path)),
        EntryType::Regular => {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(PackError::Damaged)?;
            return Ok((path, content));
        }
        EntryType::Block | EntryType::Char => "a device",
        EntryType::Directory => "a directory",
        EntryType::Fifo => "a pipe",
        EntryType::Link => "a hard link",
        EntryType::Symlink => "a symbolic link",
        _ => "an extension of tar",
    };
    Err(PackError::NotAFile { path, kind })
}

impl From<io::Error> for PackError {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error)
    }
}
