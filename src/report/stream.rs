//! The program's own streams: data on standard output, words on standard error.

use std::io::{self, Write};

/// Writes data to standard output. A reader that went away (`labctl list | head -1`) has seen what it wanted.
///
/// # Errors
/// It cannot be written, because a disk is full for instance.
pub fn data(text: &str) -> io::Result<()> {
    more_data(text).map(drop)
}

/// The same, by somebody who goes on as long as there is a reader: answers whether there still is one.
///
/// # Errors
/// As [`data()`].
pub fn more_data(text: &str) -> io::Result<bool> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes words for a person to standard error. If that is closed or full, nobody is left to be told.
pub fn words(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
