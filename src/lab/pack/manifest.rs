//! The first file of a pack: what it is, who packed it, and what everything else in it must be.

use serde::{Deserialize, Serialize};

use super::{PackError, files::Files};
use crate::image::blob::digest;

/// How the manifest's file is called.
pub(super) const NAME: &str = "labpack.json";
const API_VERSION: &str = "labctl/v1";
const KIND: &str = "LabPack";

/// What a pack says about itself.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Manifest {
    api_version: String,
    kind: String,
    /// The version of labctl that packed it.
    pub labctl: String,
    /// The bytes of all files together.
    size: usize,
    files: Vec<Listed>,
}

/// A file as the manifest lists it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    path: String,
    size: usize,
    digest: String,
}

impl Manifest {
    /// Describes `files`.
    pub fn of(labctl: &str, files: &Files) -> Self {
        let list = |(path, text): (&str, &std::sync::Arc<str>)| Listed {
            path: path.to_owned(),
            size: text.len(),
            digest: digest(text.as_bytes()).to_string(),
        };
        Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            labctl: labctl.to_owned(),
            size: files.iter().map(|(_, text)| text.len()).sum(),
            files: files.iter().map(list).collect(),
        }
    }

    /// Reads a manifest of this format.
    ///
    /// # Errors
    /// [`PackError::Format`] for another one, [`PackError::Manifest`] for what is none.
    pub fn read(bytes: &[u8]) -> Result<Self, PackError> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(PackError::Manifest)?;
        let format = value.get("apiVersion").and_then(serde_json::Value::as_str).unwrap_or_default();
        if format != API_VERSION || value.get("kind").is_none_or(|kind| kind != KIND) {
            return Err(PackError::Format(format.to_owned()));
        }
        serde_json::from_value(value).map_err(PackError::Manifest)
    }

    /// Its text.
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a manifest is texts and numbers")
    }

    /// Compares it with the files of the pack.
    ///
    /// # Errors
    /// The first file that is not there, not listed, or another.
    pub fn check(&self, files: &Files) -> Result<(), PackError> {
        for listed in &self.files {
            match files.get(&listed.path) {
                None => return Err(PackError::Missing(listed.path.clone())),
                Some(text) if digest(text.as_bytes()).to_string() != listed.digest => {
                    return Err(PackError::Changed(listed.path.clone()));
                }
                Some(_) => {}
            }
        }
        match files.iter().find(|(path, _)| self.files.iter().all(|listed| listed.path != *path)) {
            Some((path, _)) => Err(PackError::Unlisted(path.to_owned())),
            None => Ok(()),
        }
    }
}
