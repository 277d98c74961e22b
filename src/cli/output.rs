//! Standard output of a command, and what its failure means for the exit code.

use crate::{cli::CliError, report::stream};

/// Writes data to standard output. A reader that went away (`labctl list | head -1`) is not an error.
///
/// # Errors
/// Exit code 4 if it cannot be written, because a disk is full for instance.
pub fn print(text: &str) -> Result<(), CliError> {
    print_more(text).map(drop)
}

/// The same, by a command that goes on as long as somebody reads: answers whether somebody does.
///
/// # Errors
/// As [`print()`].
pub fn print_more(text: &str) -> Result<bool, CliError> {
    stream::more_data(text).map_err(|error| CliError::new(4, format!("cannot write to standard output: {error}")))
}
