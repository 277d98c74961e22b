//! The real static executable, alone in the root that the image is: programs start by their links, names resolve, and
//! a whole lab runs.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output},
    thread,
};

use crate::support::{Desk, layer};

/// The image of a static executable, unpacked.
struct Alone {
    desk: Desk,
}

impl Alone {
    /// `None`, and a line about it, where there is no static executable or no root of one's own.
    fn new() -> Option<Self> {
        let desk = Desk::new();
        let executable =
            env::var_os("LABCTL_STATIC_EXECUTABLE").map_or(env!("CARGO_BIN_EXE_labctl").into(), PathBuf::from);
        let saved = desk.run(&["image", "save", "--executable", executable.to_str().unwrap()]);
        if !saved.status.success() {
            let given = env::var_os("LABCTL_STATIC_EXECUTABLE");
            assert!(given.is_none(), "{}", String::from_utf8_lossy(&saved.stderr));
            eprintln!("skipped: the tests' own executable is not static, and LABCTL_STATIC_EXECUTABLE names none");
            return None;
        }
        tar::Archive::new(&layer(&desk.path("labctl.tar"))[..]).unpack(desk.path("root")).unwrap();
        let alone = Self { desk };
        let trial = alone.command(&["labctl", "version"]).output();
        match trial {
            Ok(output) if output.status.success() => Some(alone),
            trial => {
                eprintln!("skipped: no root of one's own here: {trial:?}");
                None
            }
        }
    }

    /// A program in that root, with the devices that every container has. The network is this machine's.
    fn command(&self, program: &[&str]) -> Command {
        let enter = "mkdir -p \"$0/dev\" && mount --rbind /dev \"$0/dev\" && exec chroot \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", enter]).arg(self.desk.path("root")).args(program);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("NO_COLOR", "1");
        command
    }

    fn run(&self, program: &[&str]) -> Output {
        self.command(program).output().unwrap()
    }

    /// Writes a file of the root.
    fn put(&self, name: &str, text: &str) {
        fs::write(self.desk.path("root").join(name), text).unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn programs_start_by_their_links() {
    let Some(alone) = Alone::new() else { return };
    let version = alone.run(&["labctl", "version"]);
    assert!(text(&version.stdout).starts_with(concat!("labctl ", env!("CARGO_PKG_VERSION"))), "{version:?}");
    assert!(text(&alone.run(&["curl", "--version"]).stdout).starts_with("curl "));
    assert!(alone.run(&["/bin/sleep", "0"]).status.success());
    for program in text(&alone.run(&["labctl", "workload"]).stdout).lines() {
        let started = alone.run(&[program, "--no-such-option"]);
        // 127 is what a shell, and unshare, say of a program that cannot be started.
        assert!(started.status.code().is_some_and(|code| code != 127), "{program}: {started:?}");
    }
}

#[test]
fn names_resolve_with_and_without_files() {
    let Some(alone) = Alone::new() else { return };
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = BufReader::new(&stream).read_line(&mut String::new());
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere");
        }
    });
    let ask = |name: &str| alone.run(&["curl", "-sS", &format!("http://{name}:{port}/")]);
    assert_eq!(text(&ask("localhost").stdout), "here");
    alone.put("etc/hosts", "127.0.0.1 web.test\n");
    assert_eq!(text(&ask("web.test").stdout), "here");
    assert_eq!(ask("no-such-name.invalid").status.code(), Some(6));
}

#[test]
fn a_whole_lab_runs() {
    let Some(alone) = Alone::new() else { return };
    let run = alone.run(&["labctl", "run", "mtls-strict"]);
    assert!(run.status.success(), "{}{}", text(&run.stdout), text(&run.stderr));
}
