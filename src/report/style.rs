//! Colour and width of a terminal.

use std::io::IsTerminal;

use super::label::Tone;
use crate::probe::judge::Outcome;

/// The width that is assumed where there is no terminal.
const WIDTH: usize = 80;

/// How text for a terminal is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Style {
    /// Whether escape sequences for colour are written.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

/// An SGR sequence's number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Paint {
    /// Stands out.
    Bold,
    /// Steps back.
    Dim,
    /// Good.
    Green,
    /// Bad.
    Red,
    /// Look here.
    Yellow,
    /// Blocked, on purpose.
    Magenta,
    /// What is typed, or read on a screen.
    Code,
    /// A word that is new.
    Italic,
}

impl Style {
    /// Without colour, 80 columns wide.
    pub const PLAIN: Self = Self { colour: false, width: WIDTH };

    /// As standard output wants it.
    pub fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let width = comfy_table::Table::new().width().map_or(WIDTH, usize::from);
        Self { colour: colour(&stdout), width: if stdout.is_terminal() { width.max(40) } else { 120 } }
    }

    /// Wraps `text` in the sequences of `paint`.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Red => 31,
            Paint::Green => 32,
            Paint::Yellow => 33,
            Paint::Magenta => 35,
            Paint::Code => 36,
            Paint::Italic => 3,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Whether `stream` shows colours: a terminal that is not dumb, unless the reader asked for none (`NO_COLOR`).
pub fn colour(stream: &impl IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !set("NO_COLOR") && !dumb()
}

/// Whether the terminal cannot move its cursor.
pub fn dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The colour of an outcome.
pub fn of_outcome(outcome: Outcome) -> Paint {
    match outcome {
        Outcome::Pass => Paint::Green,
        Outcome::Error => Paint::Yellow,
        Outcome::Fail => Paint::Red,
    }
}

/// The colour of a cell that is as expected.
pub fn of_tone(tone: Tone) -> Paint {
    match tone {
        Tone::Locked => Paint::Green,
        Tone::Open => Paint::Yellow,
        Tone::Blocked => Paint::Magenta,
        Tone::Unknown => Paint::Dim,
    }
}
