//! What a real API server answered, once and for all.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{answer::Answer, case};

/// The answers of an area.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Whose answers they are, such as `v1.20`.
    pub kubernetes: String,
    /// The answers of each case.
    pub cases: BTreeMap<String, Vec<Answer>>,
}

impl Recording {
    /// Reads the recording of an area; empty if there is none.
    pub fn read(area: &str) -> Self {
        match fs::read_to_string(file(area)) {
            Ok(text) => serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file(area).display())),
            Err(_) => Self::default(),
        }
    }

    /// Writes it.
    pub fn write(&self, area: &str) {
        fs::write(file(area), serde_yaml::to_string(self).unwrap()).unwrap();
    }
}

fn file(area: &str) -> PathBuf {
    case::folder().join(format!("recorded/{area}.yaml"))
}
