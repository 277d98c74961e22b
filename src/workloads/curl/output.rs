//! Where an answer goes: standard output or a file, headers and body.

use std::path::Path;

use super::failure::Failure;
use crate::host::{Host, Output};

/// Takes an answer's bytes as they come.
pub(super) enum Sink<'a> {
    /// A file is written when all is there: the host writes files whole.
    File {
        host: &'a dyn Host,
        path: String,
        bytes: Vec<u8>,
    },
    /// Nobody wants it.
    Nothing,
    Stdout(&'a dyn Host),
}

impl<'a> Sink<'a> {
    /// The place that `-o` or `-D` names; `-` is standard output.
    pub(super) fn new(host: &'a dyn Host, path: Option<&str>) -> Self {
        match path {
            None | Some("-") => Self::Stdout(host),
            Some("/dev/null") => Self::Nothing,
            Some(path) => Self::File { host, path: path.to_owned(), bytes: Vec::new() },
        }
    }

    /// Takes some bytes.
    pub(super) fn write(&mut self, part: &[u8]) {
        match self {
            Self::File { bytes, .. } => bytes.extend_from_slice(part),
            Self::Nothing => {}
            Self::Stdout(host) => host.print(Output::Stdout, part),
        }
    }

    /// Puts a file in its place; one that nothing was written to only if the answer is `complete`.
    pub(super) fn finish(&mut self, complete: bool) -> Result<(), Failure> {
        match self {
            Self::File { host, path, bytes } if complete || !bytes.is_empty() => {
                host.write(Path::new(path), bytes).map_err(|_| Failure::not_written())
            }
            _ => Ok(()),
        }
    }
}
