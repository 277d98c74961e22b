//! Packing a file system as a layer: the same entries always give the same bytes.

use std::io::{self, Write as _};

use flate2::{Compression, write::GzEncoder};
use oci_spec::image::{Digest, MediaType};
use tar::{Builder, EntryType, Header};

use super::{
    blob::{Blob, digest},
    files::{Entry, Kind},
};

/// A packed file system.
#[derive(Debug)]
pub struct Layer {
    /// What is stored and sent: compressed.
    pub blob: Blob,
    /// The digest of what is unpacked.
    pub diff_id: Digest,
}

/// Packs `entries`, which belong to root and have no age.
pub fn pack(entries: &[Entry<'_>]) -> Layer {
    const IN_MEMORY: &str = "memory can be written to, and all paths of an image are short";
    let archive = archive(entries).expect(IN_MEMORY);
    let packed = compress(&archive).expect(IN_MEMORY);
    Layer { diff_id: digest(&archive), blob: Blob::new(MediaType::ImageLayerGzip, packed) }
}

fn archive(entries: &[Entry<'_>]) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for Entry { path, kind } in entries {
        match kind {
            Kind::Directory(mode) => {
                archive.append_data(&mut header(EntryType::Directory, *mode, 0), path, io::empty())?;
            }
            Kind::Executable(data) => append(&mut archive, path, 0o755, data)?,
            Kind::File(data) => append(&mut archive, path, 0o644, data)?,
            Kind::Link(target) => archive.append_link(&mut header(EntryType::Symlink, 0o777, 0), path, target)?,
        }
    }
    archive.into_inner()
}

/// Appends a file that belongs to root and has no age.
pub fn append(archive: &mut Builder<impl io::Write>, path: &str, mode: u32, data: &[u8]) -> io::Result<()> {
    archive.append_data(&mut header(EntryType::Regular, mode, data.len() as u64), path, data)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

/// Compresses as everything that reads images can decompress; the header names neither a time nor a system.
fn compress(archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(archive)?;
    encoder.finish()
}
