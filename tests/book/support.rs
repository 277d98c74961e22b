//! The binary, and what it said.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

/// What a command said, and how it ended.
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs labctl with this standard input.
pub fn labctl(arguments: &[&str], input: &str) -> Said {
    run(Command::new(env!("CARGO_BIN_EXE_labctl")).args(arguments), input)
}

/// Runs a command with this standard input.
pub fn run(command: &mut Command, input: &str) -> Said {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who ends before it has read everything closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
