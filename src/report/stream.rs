//! The program's own streams: data on standard output, words on standard error.

use std::io::{self, Write};

/// Writes data to standard output. A reader that went away (`labctl list | head -1`) has seen what it wanted.
///
/// # Errors
/// It cannot be written, because a disk is full for instance.
pub fn data(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Writes words for a person to standard error. If that is closed or full, nobody is left to be told.
pub fn words(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
