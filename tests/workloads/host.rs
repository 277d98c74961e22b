//! A machine for one program: real sockets, names of its own, output that is kept.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex},
};

use futures::{FutureExt as _, future::BoxFuture};
use labctl::host::{Host, Listener, Output, Program, Redirect, os::OsHost};
use tokio::{io::AsyncRead, net::TcpStream};
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub struct TestHost {
    pub names: BTreeMap<String, IpAddr>,
    pub env: BTreeMap<String, String>,
    pub stdin: Vec<u8>,
    pub stdout: Mutex<Vec<u8>>,
    pub stderr: Mutex<Vec<u8>>,
    pub shutdown: CancellationToken,
    /// The address of every listener.
    pub listening: Mutex<Vec<SocketAddr>>,
}

impl TestHost {
    pub fn knowing(names: &[(&str, &str)]) -> Self {
        let names = names.iter().map(|(name, address)| ((*name).to_owned(), address.parse().unwrap())).collect();
        Self { names, ..Self::default() }
    }
}

impl Host for TestHost {
    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Listener>> {
        async move {
            let listener = OsHost.listen(address).await?;
            self.listening.lock().unwrap().push(listener.local_addr());
            Ok(listener)
        }
        .boxed()
    }

    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, io::Result<TcpStream>> {
        async move { OsHost.connect(to, from).await }.boxed()
    }

    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let found = self.names.get(name).map(|address| vec![*address]).ok_or_else(|| io::ErrorKind::NotFound.into());
        async move { found }.boxed()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        OsHost.read(path)
    }

    fn write(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        OsHost.write(path, contents)
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn stdin(&self) -> Box<dyn AsyncRead + Send + Unpin> {
        Box::new(io::Cursor::new(self.stdin.clone()))
    }

    fn print(&self, output: Output, bytes: &[u8]) {
        let place = if output == Output::Stdout { &self.stdout } else { &self.stderr };
        place.lock().unwrap().extend_from_slice(bytes);
    }

    fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    fn redirect(&self, _redirect: &Redirect) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What a program left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: u8,
    pub stdout: String,
    pub stderr: String,
}

pub fn program(name: &str) -> Program {
    labctl::programs::find(name).unwrap()
}

/// Runs a bundled program to its end.
pub async fn run_on(host: TestHost, name: &str, arguments: &[&str]) -> Ran {
    let host = Arc::new(host);
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let status = program(name)(host.clone(), arguments).await;
    let text = |bytes: &Mutex<Vec<u8>>| String::from_utf8_lossy(&bytes.lock().unwrap()).into_owned();
    Ran { code: status.0, stdout: text(&host.stdout), stderr: text(&host.stderr) }
}

pub async fn curl(arguments: &[&str]) -> Ran {
    run_on(TestHost::default(), "curl", arguments).await
}
