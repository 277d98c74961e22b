//! A machine for one program of this process: its network is that of this machine, its files and its output are in memory.
//!
//! So a key that a program needs is never on a disk, and a file of this machine never changes what a check sees.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::{BoxFuture, FutureExt as _};
use tokio::{io::AsyncRead, net::TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::exec::Executed,
    host::{ExitStatus, Host, Listener, Output, Program, Redirect, os::OsHost},
};

/// What the files are called, and what is in them.
pub(super) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The machine of one run of a program.
pub(super) struct Machine {
    files: Files,
    stdout: Mutex<Vec<u8>>,
    stderr: Mutex<Vec<u8>>,
}

impl Machine {
    /// Runs a program to its end.
    pub(super) async fn run(program: Program, files: Files, arguments: Vec<String>) -> Executed {
        let machine = Arc::new(Self { files, stdout: Mutex::default(), stderr: Mutex::default() });
        let ExitStatus(code) = program(machine.clone(), arguments).await;
        let text = |bytes: &Mutex<Vec<u8>>| {
            String::from_utf8_lossy(&bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
        };
        Executed { code, stdout: text(&machine.stdout), stderr: text(&machine.stderr) }
    }
}

impl Host for Machine {
    fn listen(&self, _address: SocketAddr) -> BoxFuture<'_, io::Result<Listener>> {
        async { Err(io::ErrorKind::Unsupported.into()) }.boxed()
    }

    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, io::Result<TcpStream>> {
        async move { OsHost.connect(to, from).await }.boxed()
    }

    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        async move { OsHost.resolve(name).await }.boxed()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&self, _path: &Path, _contents: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn stdin(&self) -> Box<dyn AsyncRead + Send + Unpin> {
        Box::new(tokio::io::empty())
    }

    fn print(&self, output: Output, bytes: &[u8]) {
        let place = match output {
            Output::Stderr => &self.stderr,
            Output::Stdout => &self.stdout,
        };
        place.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }

    /// Never: dropping [`Machine::run`] ends the program.
    fn shutdown(&self) -> CancellationToken {
        CancellationToken::new()
    }

    fn redirect(&self, _redirect: &Redirect) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
