//! Programs that serve, each on a machine of its own, wired together on loopback.

use std::{net::SocketAddr, sync::Arc};

use labctl::host::ExitStatus;
use tokio::task::JoinHandle;

use crate::host::{Ran, TestHost, curl, program};

/// A program that listens on a free port of 127.0.0.1.
pub struct Running {
    pub address: SocketAddr,
    host: Arc<TestHost>,
    task: JoinHandle<ExitStatus>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    /// Starts a program with these environment variables.
    pub async fn start(name: &str, env: &[(&str, String)]) -> Self {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let host = Arc::new(TestHost { env, ..TestHost::default() });
        let arguments = ["--host", "127.0.0.1", "--port", "0"].map(str::to_owned).to_vec();
        let task = tokio::spawn(program(name)(host.clone(), arguments));
        let address = loop {
            if let Some(address) = host.listening.lock().unwrap().first() {
                break *address;
            }
            assert!(!task.is_finished(), "{name} ended: {}", log(&host));
            tokio::task::yield_now().await;
        };
        Self { address, host, task }
    }

    /// What the program has told so far.
    pub fn log(&self) -> String {
        log(&self.host)
    }

    /// Asks the program to end, and waits until it has.
    pub async fn stop(mut self) -> u8 {
        self.host.shutdown.cancel();
        (&mut self.task).await.unwrap().0
    }

    /// Asks for a path, with curl's arguments.
    pub async fn curl(&self, path: &str, arguments: &[&str]) -> Ran {
        let url = format!("http://{}{path}", self.address);
        let mut all = vec!["-sS"];
        all.extend(arguments);
        all.push(&url);
        curl(&all).await
    }

    /// The status of a path's answer.
    pub async fn status(&self, path: &str, arguments: &[&str]) -> String {
        let mut all = vec!["-o", "/dev/null", "-w", "%{http_code}"];
        all.extend(arguments);
        self.curl(path, &all).await.stdout
    }
}

fn log(host: &TestHost) -> String {
    String::from_utf8(host.stderr.lock().unwrap().clone()).unwrap()
}

/// An address that nobody listens on as long as the value lives.
pub struct Nobody {
    _taken: socket2::Socket,
    pub address: String,
}

impl Nobody {
    pub fn new() -> Self {
        let (taken, port) = crate::server::closed_port();
        Self { _taken: taken, address: format!("127.0.0.1:{port}") }
    }
}
