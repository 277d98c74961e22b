//! A cluster that does not look local is used only after a question.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::fd::OwnedFd,
    process::Stdio,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{Home, parts};

/// A kubeconfig of a server that nobody has: its name is one that never resolves.
fn kubeconfig(home: &Home, context: &str, server: &str) -> String {
    let file = home.path("kubeconfig");
    let text = format!(
        "
apiVersion: v1
kind: Config
current-context: {context}
contexts: [{{name: {context}, context: {{cluster: c, user: trainer}}}}]
clusters: [{{name: c, cluster: {{server: '{server}'}}}}]
users: [{{name: trainer, user: {{token: secret}}}}]
"
    );
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

const REMOTE: &str = "https://api.cluster.invalid:6443";

/// Types `answer` at a terminal; answers the exit code and what the terminal showed.
fn typed(home: &Home, arguments: &[&str], answer: &str) -> (i32, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = || -> Stdio {
        let opened = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        Stdio::from(OwnedFd::from(opened))
    };
    let mut command = home.command(arguments);
    command.env("TERM", "dumb").stdin(terminal()).stderr(terminal()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut master = File::from(master);
    let mut shown = Vec::new();
    let mut bytes = [0; 4096];
    // The end of the last writer is an error here, and nothing else.
    while let Ok(read @ 1..) = master.read(&mut bytes) {
        shown.extend_from_slice(&bytes[..read]);
        if shown.ends_with(b"[y/N] ") {
            master.write_all(answer.as_bytes()).unwrap();
        }
    }
    let code = child.wait().unwrap().code().unwrap();
    (code, String::from_utf8(shown).unwrap().replace("\r\n", "\n"))
}

#[test]
fn without_a_terminal_it_is_refused() {
    let home = Home::new();
    let file = kubeconfig(&home, "production", REMOTE);
    let refused = |command: &[&str]| {
        let arguments: Vec<&str> = command.iter().chain(&["--kubeconfig", &file]).copied().collect();
        let (code, stdout, stderr) = parts(&home.run(&arguments));
        assert_eq!((code, stdout.as_str()), (2, ""));
        stderr
    };
    let told = refused(&["run", "mtls-strict"]);
    insta::assert_snapshot!(told, @r"
    error: the cluster production (https://api.cluster.invalid:6443) does not look local, and nobody can be asked
    hint: if it is the one you mean, say so with --yes
    ");
    assert_eq!(refused(&["down", "--all"]), told);
}

#[test]
fn a_name_that_sounds_local_is_not_enough() {
    let home = Home::new();
    let file = kubeconfig(&home, "kind-lab", REMOTE);
    assert_eq!(parts(&home.run(&["run", "mtls-strict", "--kubeconfig", &file])).0, 2);
}

#[test]
fn yes_on_the_command_line_and_a_loopback_address_need_no_question() {
    let home = Home::new();
    let file = kubeconfig(&home, "production", REMOTE);
    let (code, _, stderr) = parts(&home.run(&["run", "mtls-strict", "--kubeconfig", &file, "--yes"]));
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("error: cannot reach a cluster: "), "{stderr}");
    let file = kubeconfig(&home, "production", "https://127.0.0.1:1");
    let (code, _, stderr) = parts(&home.run(&["run", "mtls-strict", "--kubeconfig", &file]));
    assert_eq!(code, 4, "{stderr}");
}

#[test]
fn who_looks_only_is_not_asked() {
    let home = Home::new();
    let file = kubeconfig(&home, "production", REMOTE);
    assert_eq!(parts(&home.run(&["down", "--verify", "--kubeconfig", &file])).0, 4);
}

#[test]
fn at_a_terminal_only_yes_is_yes() {
    let home = Home::new();
    let file = kubeconfig(&home, "production", REMOTE);
    let arguments = ["run", "mtls-strict", "--kubeconfig", &file];
    let (code, shown) = typed(&home, &arguments, "\n");
    assert_eq!(code, 2);
    insta::assert_snapshot!(shown, @r"
    This cluster does not look like one on this machine:
      context  production
      server   https://api.cluster.invalid:6443
      user     trainer
    Use it? [y/N] 
    error: nothing was done
    ");
    assert_eq!(typed(&home, &arguments, "nein\n").0, 2);
    assert_eq!(typed(&home, &arguments, "\u{4}").0, 2, "the end of input");
    let (code, shown) = typed(&home, &arguments, "y\n");
    assert_eq!(code, 4, "{shown}");
}
