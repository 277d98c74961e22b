//! labctl as a container image: one static executable, and what programs expect around it.
//!
//! An image is a pure function of the executable: the same one gives the same bytes, down to the digest. Where it goes
//! is another matter: to an archive ([`archive`], [`save`]) or to a registry ([`push`]).

pub mod archive;
pub mod blob;
pub mod executable;
mod files;
pub(crate) mod layer;
mod manifest;
pub mod name;
pub mod push;
pub mod save;

use blob::Blob;
pub use executable::Executable;
pub use name::ImageName;
use oci_spec::image::Arch;

/// Whom a container runs as unless it says otherwise: somebody without rights.
pub const USER: u32 = 65532;

/// An image of one platform: a layer, and the documents that describe it.
#[derive(Clone, Debug)]
pub struct Image {
    architecture: Arch,
    layer: Blob,
    config: Blob,
    manifest: Blob,
}

impl Image {
    /// Packs an executable, with a link for every bundled program.
    pub fn new(executable: &Executable) -> Self {
        let layer = layer::pack(&files::all(executable));
        let config = manifest::config(executable.architecture(), &layer);
        let manifest = manifest::manifest(&config, &layer.blob);
        Self { architecture: executable.architecture().clone(), layer: layer.blob, config, manifest }
    }

    /// The platform, as `linux/amd64`.
    pub fn platform(&self) -> String {
        format!("linux/{}", self.architecture)
    }

    /// The digest that a registry knows the image by.
    pub fn digest(&self) -> &oci_spec::image::Digest {
        &self.manifest.digest
    }

    /// What has to be fetched to run it, in bytes.
    pub fn size(&self) -> usize {
        [&self.layer, &self.config, &self.manifest].iter().map(|blob| blob.data.len()).sum()
    }
}
