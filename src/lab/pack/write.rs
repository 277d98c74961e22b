//! A pack to bytes: the same labs give the same bytes.

use std::io::{self, Write as _};

use flate2::{Compression, write::GzEncoder};
use tar::Builder;

use super::{
    MAX_BYTES, Pack, PackError,
    manifest::{self, Manifest},
};
use crate::image::layer::append;

impl Pack {
    /// Writes the pack.
    ///
    /// # Errors
    /// [`PackError::TooLarge`].
    pub fn write(&self) -> Result<Vec<u8>, PackError> {
        const IN_MEMORY: &str = "memory can be written to";
        let archive = self.archive();
        if archive.len() > MAX_BYTES {
            return Err(PackError::TooLarge("the labs are"));
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&archive).expect(IN_MEMORY);
        Ok(encoder.finish().expect(IN_MEMORY))
    }

    /// The tar: nothing in it depends on when or where it is written.
    pub(super) fn archive(&self) -> Vec<u8> {
        let archive = || -> io::Result<Vec<u8>> {
            let mut archive = Builder::new(Vec::new());
            append(&mut archive, manifest::NAME, 0o644, &Manifest::of(&self.labctl, &self.files).write())?;
            for (path, text) in self.files.iter() {
                append(&mut archive, path, 0o644, text.as_bytes())?;
            }
            archive.into_inner()
        };
        archive().expect("memory can be written to, and all paths of a pack are short")
    }
}
