//! Why a pack is refused, or cannot be made.

use std::io;

use super::PathError;
use crate::render::RenderError;

/// Why a file is not read as a pack, or why labs cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file is not what the manifest says.
    #[error("`{0}` is not as the manifest says: its digest is another")]
    Changed(String),
    /// It is no gzip, or no tar, or it ends too early.
    #[error("it is damaged, or no pack at all: {0}")]
    Damaged(io::Error),
    /// Nothing is in it.
    #[error("there is no lab in it")]
    Empty,
    /// One path is that of a file, and the folder of another.
    #[error("`{0}` is a file and a folder at once")]
    FileAndFolder(String),
    /// A file is larger than a lab's files may be.
    #[error("`{}` is larger than 1 MiB", .0.escape_debug())]
    FileTooLarge(String),
    /// Another version of labctl wrote it, and this one does not read it.
    #[error("its format is `{}`, and this labctl reads `labctl/v1`", .0.escape_debug())]
    Format(String),
    /// The manifest cannot be read.
    #[error("its manifest cannot be read: {}", .0.to_string().escape_debug())]
    Manifest(serde_json::Error),
    /// A file of the manifest is not there.
    #[error("`{}` is in its manifest and not in the pack", .0.escape_debug())]
    Missing(String),
    /// A folder has no lab.
    #[error("`{0}` has templates, but no `lab.yaml`")]
    NoLab(String),
    /// Something else comes first.
    #[error("it does not begin with its manifest")]
    NoManifest,
    /// Links, devices and so on.
    #[error("`{}` is {kind}: a pack holds plain files only", path.escape_debug())]
    NotAFile {
        /// Its path.
        path: String,
        /// `a symbolic link`, ...
        kind: &'static str,
    },
    /// A file is not UTF-8.
    #[error("`{0}` is not a text in UTF-8")]
    NotText(String),
    /// It reads well, but was not written by `labctl pack`.
    #[error("it is not as `labctl pack` writes it: other headers, another order, or bytes that belong to no file")]
    OtherForm,
    /// A path that a pack cannot have.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The templates of a lab cannot be read.
    #[error(transparent)]
    Template(#[from] RenderError),
    /// The pack, or what it unpacks to, is too large.
    #[error("{0} more than 16 MiB")]
    TooLarge(&'static str),
    /// It has too many files.
    #[error("it has more than {0} files")]
    TooManyFiles(usize),
    /// Something comes after its end.
    #[error("something follows after its end")]
    Trailing,
    /// Two paths are the same on some systems.
    #[error("`{0}` and `{1}` would be one file where upper and lower case are the same")]
    Twice(String, String),
    /// A path is there twice.
    #[error("`{0}` is there twice")]
    TwiceTheSame(String),
    /// A file is not in the manifest.
    #[error("`{0}` is not in its manifest")]
    Unlisted(String),
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
}
