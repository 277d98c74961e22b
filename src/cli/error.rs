//! The one place where a failure gets its exit code and is shown.

use crate::report::stream::words;

/// The exit codes, and what each of them says.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "everything that was asked for holds"),
    (1, "a check failed"),
    (2, "usage error, or nothing to run"),
    (3, "warnings only"),
    (4, "environment: cluster, image, port, file"),
    (5, "a deadline passed; more time could help"),
    (6, "the lab is not sound"),
    (130, "interrupted, after cleaning up"),
];

/// What went wrong, what to do next, and which of the [`EXIT_CODES`] says of which kind it is.
#[derive(Debug)]
pub struct CliError {
    /// What is wrong and where: one or more lines for stderr, without a trailing newline.
    pub message: String,
    /// What to type or change next; printed as `hint: ...`.
    pub hints: Vec<String>,
    /// The exit code.
    pub code: u8,
}

impl CliError {
    /// An error of the given kind, without hints.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new(), code }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds several, one a line; a line that begins with a space goes on with the hint before it.
    #[must_use]
    pub fn hints(mut self, lines: &str) -> Self {
        for line in lines.lines() {
            match self.hints.last_mut().filter(|_| line.starts_with(' ')) {
                Some(last) => last.push_str(&format!("\n{line}")),
                None => self.hints.push(line.to_owned()),
            }
        }
        self
    }

    /// Prints the error to stderr and answers its exit code.
    pub fn report(&self) -> u8 {
        words(&format!("error: {}\n", self.message));
        for hint in &self.hints {
            words(&format!("hint: {hint}\n"));
        }
        self.code
    }
}
