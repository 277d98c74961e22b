//! The reference: what the code itself knows, as Markdown.

mod command_line;
mod lint;
mod mesh;

use std::{
    fmt::{Display, Write as _},
    str::FromStr,
};

use super::Writer;
use crate::probe::verdict::VERDICTS;

/// How a lab is written: what a trainer reads in the repository, too.
const LAB_FORMAT: &str = include_str!("../../labs/README.md");

/// What there is to look up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Topic {
    /// `cli`: every command with its options.
    CommandLine,
    /// `exit-codes`: what each of them says.
    ExitCodes,
    /// `lab-format`: how a lab is written.
    LabFormat,
    /// `lint`: what lint finds, code by code.
    Lint,
    /// `mesh`: the mesh's resources and their fields.
    Mesh,
    /// `verdicts`: what a probe can see.
    Verdicts,
}

impl Topic {
    /// How they are written.
    pub const NAMES: &'static [&'static str] = &["cli", "exit-codes", "lab-format", "lint", "mesh", "verdicts"];
}

impl FromStr for Topic {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "cli" => Ok(Self::CommandLine),
            "exit-codes" => Ok(Self::ExitCodes),
            "lab-format" => Ok(Self::LabFormat),
            "lint" => Ok(Self::Lint),
            "mesh" => Ok(Self::Mesh),
            "verdicts" => Ok(Self::Verdicts),
            _ => Err(()),
        }
    }
}

/// What there is to say about a topic.
pub fn about(topic: Topic, writer: &Writer) -> String {
    match topic {
        Topic::CommandLine => command_line::all(&writer.command),
        Topic::ExitCodes => table("exit code", writer.exit_codes),
        Topic::LabFormat => LAB_FORMAT.to_owned(),
        Topic::Lint => lint::codes(),
        Topic::Mesh => mesh::resources(),
        Topic::Verdicts => table("verdict", VERDICTS),
    }
}

fn table(of: &str, rows: &[(impl Display, &str)]) -> String {
    let mut out = format!("| {of} | meaning |\n|---|---|\n");
    for (name, meaning) in rows {
        // Writing to a `String` cannot fail.
        let _ = writeln!(out, "| `{name}` | {meaning} |");
    }
    out
}
