//! A command in a container that goes on while its output is read.

use futures::future::BoxFuture;
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kube::{
    Api,
    api::{AttachParams, AttachedProcess},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, Lines},
    task::JoinHandle,
};

use super::{
    Cluster, ClusterError,
    exec::{ContainerRef, exit_code, text},
};

/// How much output may wait for its reader on our side.
const BUFFER: usize = 1 << 20;

type Input = Box<dyn AsyncWrite + Send + Unpin>;
type Output = Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>;

/// A running command. Its container notices if it is dropped.
pub struct Session {
    doing: String,
    stdin: Option<Input>,
    stdout: Output,
    stderr: JoinHandle<String>,
    status: BoxFuture<'static, Option<Status>>,
    // Kept for its task, which carries the streams.
    _process: AttachedProcess,
}

impl Cluster {
    /// Starts `command` in a container, with a standard input that stays open.
    ///
    /// # Errors
    /// A failed request.
    pub async fn start(&self, container: &ContainerRef, command: &[String]) -> Result<Session, ClusterError> {
        let doing = format!("run `{}` in {container}", command.first().map_or("", String::as_str));
        let parameters = AttachParams::default()
            .container(&container.container)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .max_stdout_buf_size(BUFFER);
        let pods: Api<Pod> = Api::namespaced(self.client(), &container.namespace);
        let attached = pods.exec(&container.pod, command, &parameters).await;
        let mut process = attached.map_err(ClusterError::request(&doing))?;
        let stdout: Box<dyn AsyncRead + Send + Unpin> = match process.stdout() {
            Some(stdout) => Box::new(stdout),
            None => Box::new(tokio::io::empty()),
        };
        let status = process.take_status();
        Ok(Session {
            doing,
            stdin: process.stdin().map(|stdin| Box::new(stdin) as Input),
            stdout: BufReader::new(stdout).lines(),
            stderr: tokio::spawn(text(process.stderr())),
            status: Box::pin(async move {
                match status {
                    Some(status) => status.await,
                    None => None,
                }
            }),
            _process: process,
        })
    }
}

impl Session {
    /// The next line of its output; nothing when there will be no more. Nothing is lost if the future is dropped.
    pub async fn line(&mut self) -> Option<String> {
        // A session that broke is at its end, which says why.
        self.stdout.next_line().await.ok().flatten()
    }

    /// Sends it a line.
    pub async fn say(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            // One that has ended does not listen; its end says why.
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
            let _ = stdin.flush().await;
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// An end that was not a good one, with what the command said on its standard error.
    pub async fn end(self) -> Result<(), ClusterError> {
        let failed = |why: String| ClusterError::Request { doing: self.doing.clone(), why, status: None };
        let status = self.status.await.ok_or_else(|| failed("the session broke".to_owned()))?;
        let said = self.stderr.await.unwrap_or_default();
        match exit_code(&status) {
            Ok(0) => Ok(()),
            Ok(code) => {
                let last = said.lines().last().map_or_else(|| format!("exit code {code}"), str::to_owned);
                Err(failed(last))
            }
            Err(why) => Err(failed(why)),
        }
    }
}
