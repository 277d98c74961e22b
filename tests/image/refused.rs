//! What no image is made of, where none can be written, and what is said about it.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::{
    elf,
    support::{Desk, refused},
};

fn of(content: &[u8]) -> String {
    let desk = Desk::new();
    desk.put("given", content);
    let said = refused(&desk.run(&["image", "save", "--executable", "given"]));
    assert!(!desk.path("labctl.tar").exists());
    said
}

#[test]
fn dynamically_linked() {
    let loader = "/lib64/ld-linux-x86-64.so.2";
    insta::assert_snapshot!(of(&elf::executable(elf::X86_64, Some(loader), "")), @r"
    exit code 2
    error: given is dynamically linked: it needs /lib64/ld-linux-x86-64.so.2, which the image does not have
    hint: make a static one, and take that:
      RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --target x86_64-unknown-linux-gnu
      labctl image save --executable target/x86_64-unknown-linux-gnu/release/labctl
    ");
    let loader = "/lib/ld-linux-aarch64.so.1";
    let said = of(&elf::executable(elf::AARCH64, Some(loader), ""));
    assert!(said.contains("cargo build --release --target aarch64-unknown-linux-gnu"), "{said}");
}

#[test]
fn for_another_system() {
    let macos = of(b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x02\0\0\0");
    assert_eq!(macos.lines().nth(1), Some("error: given is an executable for macOS; containers run Linux's"));
    assert!(macos.contains("hint: make one on Linux, and take that:\n  RUSTFLAGS="), "{macos}");
    let universal = of(b"\xca\xfe\xba\xbe\0\0\0\x02\0\0\0\0\0\0\0\0");
    assert_eq!(universal, macos);
    let mut windows = b"MZ".to_vec();
    windows.resize(60, 0);
    windows.extend(64_u32.to_le_bytes());
    windows.extend(b"PE\0\0\x64\x86");
    windows.resize(256, 0);
    windows[64 + 24..64 + 26].copy_from_slice(&0x20b_u16.to_le_bytes());
    assert_eq!(of(&windows).lines().nth(1), Some("error: given is an executable for Windows; containers run Linux's"));
}

#[test]
fn no_executable_another_one_or_none_at_all() {
    insta::assert_snapshot!(of(b"#!/bin/sh\necho hello to everybody\n"), @r"
    exit code 2
    error: given is not an executable
    hint: give labctl 0.1.0 for Linux with --executable, or leave the option out
    ");
    insta::assert_snapshot!(of(b""), @r"
    exit code 2
    error: given is not an executable
    hint: give labctl 0.1.0 for Linux with --executable, or leave the option out
    ");
    insta::assert_snapshot!(of(&elf::executable(elf::X86_64, None, "some other program")), @r"
    exit code 2
    error: given is not labctl 0.1.0
    hint: give labctl 0.1.0 for Linux with --executable, or leave the option out
    ");
    insta::assert_snapshot!(of(&elf::labctl(8)), @r"
    exit code 2
    error: given is for a processor that images have no name for (number 8 in its ELF header)
    ");
    insta::assert_snapshot!(refused(&Desk::new().run(&["image", "save", "--executable", "absent"])), @r"
    exit code 2
    error: cannot read absent: No such file or directory (os error 2)
    ");
    // A header that promises more than there is.
    assert!(of(&elf::executable(elf::X86_64, Some("x"), "")[..100]).contains("given is not an executable"));
}

#[test]
fn names() {
    let save = |name| refused(&Desk::new().run(&["image", "save", "--name", name]));
    insta::assert_snapshot!(save("localhost/Labctl"), @r"
    exit code 2
    error: invalid value 'localhost/Labctl' for '--name <REF>': write it as REGISTRY/REPOSITORY:TAG, in small letters

    For more information, try '--help'.
    ");
    let digest = format!("localhost/labctl@sha256:{}", "0".repeat(64));
    insta::assert_snapshot!(save(&digest).replace(&"0".repeat(64), "..."), @r"
    exit code 2
    error: invalid value 'localhost/labctl@sha256:...' for '--name <REF>': a digest follows from what is in the image: write REGISTRY/REPOSITORY:TAG

    For more information, try '--help'.
    ");
}

#[test]
fn places_that_cannot_be_written_to() {
    let desk = Desk::with_executable();
    fs::create_dir(desk.path("folder")).unwrap();
    let save = |to| refused(&desk.run(&["image", "save", "--executable", "labctl-static", "-o", to]));
    insta::assert_snapshot!(save("folder"), @r"
    exit code 4
    error: cannot write the image to folder: it is a directory
    ");
    insta::assert_snapshot!(save("nowhere/labctl.tar"), @r"
    exit code 4
    error: cannot write the image to nowhere/labctl.tar: No such file or directory (os error 2)
    ");
    #[cfg(target_os = "linux")]
    insta::assert_snapshot!(save("/dev/full"), @r"
    exit code 4
    error: cannot write the image to /dev/full: No space left on device (os error 28)
    ");
}

#[cfg(unix)]
#[test]
fn archive_that_does_not_fit_leaves_everything_as_it_was() {
    let desk = Desk::with_executable();
    desk.put("labctl.tar", b"an older archive");
    let before = list(&desk);
    // At most 8 blocks for a file; and told so, instead of being ended by a signal.
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$0\" image save --executable labctl-static";
    let mut command = Command::new("sh");
    desk.at_home(command.args(["-c", limited, env!("CARGO_BIN_EXE_labctl")]));
    insta::assert_snapshot!(refused(&command.stdin(Stdio::null()).output().unwrap()), @r"
    exit code 4
    error: cannot write the image to labctl.tar: File too large (os error 27)
    ");
    assert_eq!(list(&desk), before);
    assert_eq!(fs::read(desk.path("labctl.tar")).unwrap(), b"an older archive");
}

fn list(desk: &Desk) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
