//! Questions to whoever sits at the terminal.

use std::io::{self, IsTerminal};

use crate::report::stream::words;

/// Asks a question that has yes or no for an answer, no unless something else is typed; `None` if nobody is there.
///
/// Data may go elsewhere meanwhile: the question is put on standard error and answered on standard input.
pub fn ask(before: &str, question: &str) -> Option<bool> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return None;
    }
    words(&format!("{before}{question} [y/N] "));
    let mut answer = String::new();
    // An answer that cannot be read is none.
    let read = io::stdin().read_line(&mut answer).unwrap_or(0);
    if read == 0 {
        words("\n");
    }
    Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
