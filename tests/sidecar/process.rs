//! Sidecars as real processes, each with a folder of its own.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
};

use crate::pki::Authority;

/// A running `labctl sidecar --config FILE`; it is killed when this is dropped.
pub struct Process {
    pub folder: TempDir,
    pub child: Child,
    pub stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
    listeners: Vec<(String, SocketAddr)>,
}

impl Process {
    /// Starts a sidecar with this identity and the rest of a configuration, and waits until it listens.
    pub async fn start(authority: &Authority, id: &str, rest: &str, listeners: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_identity(folder.path(), authority, id);
        fs::write(folder.path().join("sidecar.yaml"), configuration(rest)).unwrap();
        let mut child = command(&folder.path().join("sidecar.yaml")).kill_on_drop(true).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut found = Vec::new();
        while found.len() < listeners {
            let line = stderr.next_line().await.unwrap().expect("it says where it listens");
            let (role, address) = line.rsplit_once(" on ").unwrap();
            found.push((role.to_owned(), address.parse().unwrap()));
        }
        Self { folder, child, stdout, stderr, listeners: found }
    }

    /// Where the listener of this role is.
    pub fn address(&self, role: &str) -> SocketAddr {
        self.listeners.iter().find(|(found, _)| found.contains(role)).unwrap().1
    }

    /// Waits until a line of standard error says this.
    pub async fn says(&mut self, text: &str) {
        loop {
            let line = self.stderr.next_line().await.unwrap().expect("it goes on");
            if line.contains(text) {
                return;
            }
        }
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().await.unwrap()
    }
}

/// The command that runs a sidecar.
pub fn command(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labctl"));
    command.arg("sidecar").arg("--config").arg(config);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A configuration with an identity from files beside it.
pub fn configuration(rest: &str) -> String {
    format!("identity: {{certificate: cert.pem, key: key.pem, roots: roots.pem}}\n{rest}")
}

/// Writes the files of an identity.
pub fn write_identity(folder: &Path, authority: &Authority, id: &str) {
    let issued = authority.issue(&[id]);
    fs::write(folder.join("cert.pem"), issued.certificate.pem()).unwrap();
    fs::write(folder.join("key.pem"), issued.key.serialize_pem()).unwrap();
    fs::write(folder.join("roots.pem"), &authority.root_pem).unwrap();
}
