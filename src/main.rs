//! Parses, runs, exits. Called by a bundled program's name (`httpbin`, `curl`, ...) it is that program.

use std::process::ExitCode;

fn main() -> ExitCode {
    labctl::cli::main(std::env::args_os())
}
