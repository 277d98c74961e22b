//! Open files: every socket of the virtual network is one, so a small limit would fail a pod somewhere in the middle.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a small cluster needs. A lab of eight pods opens about a hundred.
const NEEDED: u64 = 128;
/// What is asked for, where the limit can be raised.
const WANTED: u64 = 4096;

/// This process may open too few files.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("this process may open {allowed} files, and the embedded cluster needs {NEEDED}")]
pub struct TooFewFiles {
    allowed: u64,
}

/// Raises the limit of open files as far as is useful and allowed.
///
/// # Errors
/// If what is allowed is too little.
pub(super) fn allow_enough() -> Result<(), TooFewFiles> {
    let limit = getrlimit(Resource::Nofile);
    let (current, most) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
    let mut allowed = current;
    if current < WANTED {
        let raised = Rlimit { current: Some(WANTED.min(most)), maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            allowed = WANTED.min(most);
        }
    }
    if allowed < NEEDED { Err(TooFewFiles { allowed }) } else { Ok(()) }
}
