//! What the API server asks of the node: logs, commands in containers, connections into the virtual network.

use std::{fmt::Debug, io, net::SocketAddr};

use bytes::Bytes;
use futures::{future::BoxFuture, stream::BoxStream};
use jiff::Timestamp;
use tokio::{io::AsyncRead, net::TcpStream, sync::mpsc};

use crate::host::{ExitStatus, Output};

/// One container of one pod that exists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContainerRef {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's uid, which tells it from earlier pods of the same name.
    pub uid: String,
    /// The container's name; the API server has checked that the pod has such a container or init container.
    pub container: String,
}

/// Which part of a log is wanted, and how.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LogOptions {
    /// Go on with what is written from now on, until the container ends.
    pub follow: bool,
    /// The log of the container's previous life.
    pub previous: bool,
    /// Only lines written at this time or later.
    pub since: Option<Timestamp>,
    /// Only so many of the last lines.
    pub tail_lines: Option<usize>,
    /// At most so many bytes.
    pub limit_bytes: Option<u64>,
    /// Each line starts with the time it was written at.
    pub timestamps: bool,
}

/// What a command in a container reads and writes.
pub struct ExecStreams {
    /// Standard input; nothing if the caller has none to give.
    pub stdin: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Standard output and standard error, in the order written. The caller went away if it is closed.
    pub output: mpsc::UnboundedSender<(Output, Bytes)>,
}

/// Why the node cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KubeletError {
    /// The container does not run, or never ran; answered with 400, such as
    /// `container "x" in pod "y" is waiting to start: ContainerCreating`.
    #[error("{0}")]
    BadRequest(String),
    /// There is no such container, or no such log; answered with 404.
    #[error("{0}")]
    NotFound(String),
    /// Something failed; answered with 500.
    #[error("{0}")]
    Internal(String),
}

/// The node, as the API server sees it.
pub trait Kubelet: Send + Sync + 'static {
    /// Reads a container's log.
    fn log<'a>(
        &'a self,
        container: &'a ContainerRef,
        options: LogOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, io::Result<Bytes>>, KubeletError>>;

    /// Runs a command in a container until it ends. Dropping the future kills the command.
    fn exec<'a>(
        &'a self,
        container: &'a ContainerRef,
        command: Vec<String>,
        streams: ExecStreams,
    ) -> BoxFuture<'a, Result<ExitStatus, KubeletError>>;

    /// Connects to an address of the virtual network, such as the address of a webhook's service.
    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>>;
}
