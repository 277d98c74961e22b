//! The node as the API server asks it: logs, commands in containers, connections into the virtual network.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use kube::ResourceExt;
use tokio::{net::TcpStream, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    context::{PodContext, find_program},
    network::Network,
    pod_host::{PodHost, Sink},
    pods::Pods,
    process::Process,
    state::{Activity, ContainerState},
};
use crate::{
    embedded::api::kubelet::{ContainerRef, ExecStreams, Kubelet, KubeletError, LogOptions},
    host::{ExitStatus, Output},
};

/// The exit code of a command whose container ended under it (128 + SIGKILL).
const KILLED: ExitStatus = ExitStatus(137);

/// What the API server holds of the node. It does not keep the node alive: the node holds clients of that server.
pub(super) struct Handle {
    pub(super) pods: Weak<Pods>,
    pub(super) network: Network,
}

impl Handle {
    fn pod(&self, wanted: &ContainerRef) -> Result<Arc<PodContext>, KubeletError> {
        let pods = self.pods.upgrade().ok_or_else(|| KubeletError::Internal("the node has stopped".to_owned()))?;
        let pod = pods.find(&wanted.namespace, &wanted.pod);
        let pod = pod.filter(|pod| pod.pod.uid().as_deref() == Some(&wanted.uid));
        pod.ok_or_else(|| waiting(wanted, "ContainerCreating"))
    }

    fn log_of(&self, wanted: &ContainerRef, options: &LogOptions) -> Result<BoxStream<'static, Bytes>, KubeletError> {
        let container = container(&*self.pod(wanted)?, wanted)?;
        let log = if options.previous { container.previous_log.clone() } else { container.log.clone() };
        match (log, container.activity) {
            (Some(log), _) => Ok(log.read(options).boxed()),
            (None, _) if options.previous => Err(KubeletError::BadRequest(format!(
                "previous terminated container \"{}\" in pod \"{}\" not found",
                wanted.container, wanted.pod
            ))),
            (None, Activity::Waiting { reason: "ErrImagePull" | "ImagePullBackOff", .. }) => {
                Err(waiting(wanted, "trying and failing to pull image"))
            }
            (None, Activity::Waiting { reason, .. }) => Err(waiting(wanted, reason)),
            (None, _) => Err(waiting(wanted, "ContainerCreating")),
        }
    }

    async fn run(
        &self,
        wanted: &ContainerRef,
        command: Vec<String>,
        streams: ExecStreams,
    ) -> Result<ExitStatus, KubeletError> {
        let pod = self.pod(wanted)?;
        let running = container(&pod, wanted)?.running;
        let running =
            running.ok_or_else(|| KubeletError::NotFound(format!("container not found (\"{}\")", wanted.container)))?;
        let (argv0, arguments) =
            command.split_first().ok_or_else(|| KubeletError::BadRequest("you must specify a command".to_owned()))?;
        let program = find_program(pod.node.programs, argv0).ok_or_else(|| {
            KubeletError::Internal(format!(
                "error executing command in container: OCI runtime exec failed: exec failed: unable to start container \
                 process: exec: \"{argv0}\": executable file not found in $PATH: unknown"
            ))
        })?;
        let output: Arc<dyn Sink> = Arc::new(Stream(streams.output));
        let ended = running.ended.clone();
        let host = PodHost::new(running, output.clone(), streams.stdin, CancellationToken::new());
        let mut process = Process::start(program, host, arguments.to_vec(), output);
        tokio::select! {
            status = process.wait() => Ok(status),
            () = ended.cancelled() => Ok(KILLED),
        }
    }
}

/// Output of a command on its way to the caller.
struct Stream(mpsc::UnboundedSender<(Output, Bytes)>);

impl Sink for Stream {
    fn write(&self, output: Output, bytes: &[u8]) {
        // The caller went away; the API server drops the command.
        _ = self.0.send((output, Bytes::copy_from_slice(bytes)));
    }
}

fn container(pod: &PodContext, wanted: &ContainerRef) -> Result<ContainerState, KubeletError> {
    let found = pod.live.with(|state| state.containers.iter().find(|one| one.name == wanted.container).cloned());
    found.ok_or_else(|| {
        KubeletError::NotFound(format!("container {} is not valid for pod {}", wanted.container, wanted.pod))
    })
}

fn waiting(wanted: &ContainerRef, why: &str) -> KubeletError {
    let ContainerRef { container, pod, .. } = wanted;
    KubeletError::BadRequest(format!("container \"{container}\" in pod \"{pod}\" is waiting to start: {why}"))
}

impl Kubelet for Handle {
    fn log<'a>(
        &'a self,
        container: &'a ContainerRef,
        options: LogOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, io::Result<Bytes>>, KubeletError>> {
        let log = self.log_of(container, &options).map(|log| log.map(Ok).boxed());
        std::future::ready(log).boxed()
    }

    fn exec<'a>(
        &'a self,
        container: &'a ContainerRef,
        command: Vec<String>,
        streams: ExecStreams,
    ) -> BoxFuture<'a, Result<ExitStatus, KubeletError>> {
        self.run(container, command, streams).boxed()
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.network.connect_from_node(to).boxed()
    }
}
