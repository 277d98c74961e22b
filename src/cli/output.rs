//! Standard output: whether it takes colours, and what happens when nobody reads on.

use std::io::{self, IsTerminal, Write};

use crate::cli::CliError;

/// Whether `stream` shows colours: a terminal, unless the reader asked for none (`NO_COLOR`).
pub fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes data to standard output. A reader that went away (`labctl list | head -1`) is not an error.
///
/// # Errors
/// Exit code 4 if it cannot be written, because a disk is full for instance.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::new(4, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Text with or without the terminal's styles.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Style {
    /// Whether styles are written at all.
    pub colour: bool,
}

impl Style {
    /// For standard output.
    pub fn of_stdout() -> Self {
        Self { colour: colour(&io::stdout()) }
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// What a trainee types, or reads on a screen.
    pub fn code(self, text: &str) -> String {
        self.wrap("36", text)
    }

    /// What matters less.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// What is well.
    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// A word that is new.
    pub fn italic(self, text: &str) -> String {
        self.wrap("3", text)
    }

    /// What is refused.
    pub fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// What is open.
    pub fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
