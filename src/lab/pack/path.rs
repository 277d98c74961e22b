//! What the files of a pack may be called: names that mean the same on every system, and lead nowhere else.

use crate::{lab::find::FILE, render::object::is_label};

/// The longest path, in bytes: it fits the oldest form of a tar.
const MAX_LENGTH: usize = 100;
/// How deep folders may be nested.
const MAX_DEPTH: usize = 8;

/// A path that a pack cannot have.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{}` cannot be in a pack: {why}", path.escape_debug())]
pub struct PathError {
    path: String,
    why: &'static str,
}

/// Checks the path of a file in a pack.
pub(super) fn check(path: &str) -> Result<(), PathError> {
    let parts: Vec<&str> = path.split('/').collect();
    let why = if path.starts_with('/') {
        "the path is absolute"
    } else if parts.contains(&"..") {
        "the path leads out of it"
    } else if path.len() > MAX_LENGTH {
        "the path is longer than 100 bytes"
    } else if parts.len() > MAX_DEPTH {
        "the path has more than 8 parts"
    } else if !parts.iter().all(|part| is_portable(part)) {
        "names are made of letters, digits, `_`, `.` and `-`, and do not begin with `.` or `-`"
    } else if !is_of_a_lab(&parts) {
        "it holds `LAB/lab.yaml` and `LAB/templates/...` only"
    } else {
        return Ok(());
    };
    Err(PathError { path: path.to_owned(), why })
}

/// The portable file names of POSIX, without those that are hidden or read as an option.
fn is_portable(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !part.is_empty() && part.bytes().all(plain) && !part.starts_with(['.', '-'])
}

fn is_of_a_lab(parts: &[&str]) -> bool {
    match parts {
        [lab, file] => is_label(lab) && *file == FILE,
        [lab, "templates", ..] => is_label(lab),
        _ => false,
    }
}
