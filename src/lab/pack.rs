//! Labs as one file, for a room without a network: `labctl pack` writes it, and it is read wherever a folder of labs can be.
//!
//! A pack is a gzipped tar of plain files: a manifest with the digest of every other file, then `LAB/lab.yaml` and
//! `LAB/templates/...`, sorted. It has everything that its labs need, bundled templates included, so that they are the same
//! with any labctl that reads the format. The same labs give the same bytes, and a pack that is not exactly as it would be
//! written is refused: no two readers can see different things in it. It is read in memory, and nothing of it before all of
//! it is sound.

mod collect;
mod error;
mod files;
mod manifest;
mod path;
mod read;
mod unpack;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use crate::{
    lab::{
        find::{FILE, Found},
        problem::Source,
    },
    render::Templates,
};

pub use error::PackError;
pub use path::PathError;
pub use unpack::UnpackError;

use files::Files;

/// What a pack's file is called by its end.
pub const EXTENSION: &str = "labpack";
/// The largest pack, packed or unpacked, in bytes.
pub const MAX_BYTES: usize = 16 << 20;

/// Labs with all that they need.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pack {
    labctl: String,
    files: Files,
}

impl Pack {
    /// The version of labctl that packed it, as the pack says.
    pub fn labctl(&self) -> &str {
        &self.labctl
    }

    /// The names of its labs, sorted.
    pub fn labs(&self) -> BTreeSet<&str> {
        self.files.iter().filter_map(|(path, _)| path.split('/').next()).collect()
    }

    /// Its files with their texts, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path, &**text))
    }

    /// One of its labs; `file` is what messages call the pack.
    pub fn lab(&self, file: &Path, name: &str) -> Option<Found> {
        let path = format!("{name}/{FILE}");
        let text = Arc::clone(self.files.get(&path)?);
        let folder = format!("{name}/templates/");
        let templates = self.files.iter().filter_map(|(path, text)| Some((path.strip_prefix(&folder)?, text)));
        let templates: BTreeMap<String, Arc<str>> =
            templates.map(|(name, text)| (name.to_owned(), Arc::clone(text))).collect();
        let source = Source { name: file.join(path).display().to_string(), text };
        Some(Found { source, templates: Templates::packed(file.join(folder), templates) })
    }
}
