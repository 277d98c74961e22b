//! Executables made by hand: headers that say what a test wants, and the mark of labctl.

use labctl::image::executable::MARK;

pub const X86_64: u16 = 62;
pub const AARCH64: u16 = 183;

const FILE_HEADER: u64 = 64;
const PROGRAM_HEADER: u16 = 56;

/// A 64-bit little-endian executable for `machine`; with an `interpreter` it is dynamically linked.
pub fn executable(machine: u16, interpreter: Option<&str>, content: &str) -> Vec<u8> {
    const INTERPRETER: u32 = 3;
    let path = interpreter.map(|path| format!("{path}\0")).unwrap_or_default();
    let segments = u16::from(interpreter.is_some());
    let start = FILE_HEADER + u64::from(PROGRAM_HEADER);
    let mut file = file_header(machine, segments);
    // One program header; unless it is counted, nobody reads it.
    file.extend(INTERPRETER.to_le_bytes());
    file.extend(4_u32.to_le_bytes());
    for word in [start, 0, 0, path.len() as u64, path.len() as u64, 1] {
        file.extend(word.to_le_bytes());
    }
    file.extend(path.bytes());
    file.extend(content.bytes());
    file
}

/// A static executable that passes for this version of labctl.
pub fn labctl(machine: u16) -> Vec<u8> {
    executable(machine, None, MARK)
}

fn file_header(machine: u16, segments: u16) -> Vec<u8> {
    const EXECUTABLE: u16 = 2;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend(EXECUTABLE.to_le_bytes());
    file.extend(machine.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for word in [0, FILE_HEADER, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [64, PROGRAM_HEADER, segments, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    file
}
