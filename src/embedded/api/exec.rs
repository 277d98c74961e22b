//! Commands in containers, over a WebSocket with Kubernetes' channels (`v4.channel.k8s.io`, `v5.channel.k8s.io`).
//!
//! Every message starts with the number of its channel. Version 5 can also close one channel: 255 and its number.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use futures::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use super::{
    Server,
    body::Body,
    call::Call,
    kubelet::{ContainerRef, ExecStreams, Kubelet, KubeletError},
    path::Verb,
    status::Status,
};
use crate::host::{ExitStatus, Output};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const CLOSE: u8 = 255;
/// How much of standard input waits for a command that does not read.
const STDIN_BUFFER: usize = 64 * 1024;
/// The versions of the protocol, the better one first.
const PROTOCOLS: &[&str] = &["v5.channel.k8s.io", "v4.channel.k8s.io"];

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A command to run.
struct Command {
    container: ContainerRef,
    line: Vec<String>,
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

impl Server {
    /// Runs a command in a container of the pod in the path, once the connection has become a WebSocket.
    pub(super) fn exec(&self, call: &Call) -> Result<Response<Body>, Status> {
        if !matches!(call.verb, Verb::Create | Verb::Get) {
            return Err(Status::method_not_allowed());
        }
        let pod = self.store().get("pods", &call.key()).ok_or_else(|| call.not_found())?;
        let command = Command {
            container: call.container(&pod)?,
            line: call.query.values("command").map(str::to_owned).collect(),
            stdin: call.query.flag("stdin"),
            // What is not asked for in so many words: stdout and stderr default to what the flags say, as in Go.
            stdout: call.query.flag("stdout"),
            stderr: call.query.flag("stderr") && !call.query.flag("tty"),
        };
        if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
            return Err(Status::bad_request(format!("pod {} does not have a host assigned", call.name())));
        }
        self.kubelet()?;
        let (response, upgrade) = accept(&call.headers, call.upgrade.clone())?;
        if !(command.stdin || command.stdout || command.stderr) {
            return Err(Status::bad_request("you must specify at least 1 of stdin, stdout, stderr"));
        }
        if command.line.is_empty() {
            return Err(Status::bad_request("you must specify at least one command for the container"));
        }
        let server = self.clone();
        tokio::spawn(async move {
            let stopped = server.stopped();
            tokio::select! {
                () = server.serve_command(upgrade, command) => {}
                () = stopped.cancelled() => {}
            }
        });
        Ok(response)
    }

    async fn serve_command(&self, upgrade: OnUpgrade, command: Command) {
        let Ok(upgraded) = upgrade.await else { return };
        let socket = Socket::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let Some(kubelet) = self.0.kubelet.get().map(Arc::clone) else { return };
        run(kubelet, socket, command).await;
    }
}

/// Agrees to become a WebSocket.
fn accept(headers: &HeaderMap, upgrade: Option<OnUpgrade>) -> Result<(Response<Body>, OnUpgrade), Status> {
    let value = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let websocket = value(header::UPGRADE).eq_ignore_ascii_case("websocket");
    let key = value(header::SEC_WEBSOCKET_KEY);
    let (Some(upgrade), true, false) = (upgrade, websocket, key.is_empty()) else {
        return Err(Status::bad_request("Upgrade request required"));
    };
    let offered: Vec<&str> = value(header::SEC_WEBSOCKET_PROTOCOL).split(',').map(str::trim).collect();
    let protocol = PROTOCOLS.iter().find(|protocol| offered.contains(protocol)).ok_or_else(|| {
        Status::bad_request(format!(
            "unable to upgrade: unable to negotiate protocol: client supports {offered:?}, server accepts {PROTOCOLS:?}"
        ))
    })?;
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accepted = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    let accepted = accepted.map_err(|_| Status::bad_request("Upgrade request required"))?;
    for (name, value) in [
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::SEC_WEBSOCKET_ACCEPT, accepted),
        (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol)),
    ] {
        response.headers_mut().insert(name, value);
    }
    Ok((response, upgrade))
}

/// Runs a command until it ends or its caller goes away.
async fn run(kubelet: Arc<dyn Kubelet>, socket: Socket, command: Command) {
    let (mut sink, source) = socket.split();
    let (mine, theirs) = tokio::io::duplex(STDIN_BUFFER);
    let (output, mut written) = mpsc::unbounded_channel();
    let streams = ExecStreams { stdin: command.stdin.then(|| Box::new(theirs) as _), output };
    let wanted = |from: Output| match from {
        Output::Stderr => command.stderr,
        Output::Stdout => command.stdout,
    };
    let (container, line) = (&command.container, command.line.clone());
    let mut running = std::pin::pin!(kubelet.exec(container, line, streams));
    let mut listening = std::pin::pin!(listen(source, mine));
    let result = loop {
        tokio::select! {
            biased;
            Some((from, bytes)) = written.recv() => {
                if wanted(from) && send(&mut sink, channel_of(from), &bytes).await.is_err() {
                    return;
                }
            }
            result = &mut running => break result,
            () = &mut listening => return,
        }
    };
    // What was written before the end is still on its way; what is written after it is nobody's.
    written.close();
    while let Some((from, bytes)) = written.recv().await {
        if wanted(from) && send(&mut sink, channel_of(from), &bytes).await.is_err() {
            return;
        }
    }
    let status = outcome(result, &command.line).to_string();
    // A caller that is gone by now needs no answer.
    if send(&mut sink, ERROR, status.as_bytes()).await.is_ok() {
        // Without a code, kubectl takes the end for a broken connection.
        let end = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        _ = sink.send(Message::Close(Some(end))).await;
        _ = tokio::time::timeout(std::time::Duration::from_secs(5), listening).await;
    }
}

fn channel_of(output: Output) -> u8 {
    match output {
        Output::Stderr => STDERR,
        Output::Stdout => STDOUT,
    }
}

async fn send(
    sink: &mut SplitSink<Socket, Message>,
    channel: u8,
    bytes: &[u8],
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let mut message = BytesMut::with_capacity(bytes.len() + 1);
    message.put_u8(channel);
    message.put_slice(bytes);
    sink.send(Message::Binary(message.freeze())).await
}

/// Passes standard input on; ends when the caller goes away.
async fn listen(mut source: SplitStream<Socket>, stdin: DuplexStream) {
    let mut stdin = Some(stdin);
    while let Some(Ok(message)) = source.next().await {
        let bytes: Bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => text.into(),
            Message::Close(_) => return,
            _ => continue,
        };
        match bytes.split_first() {
            Some((&STDIN, data)) => {
                if let Some(pipe) = &mut stdin
                    && pipe.write_all(data).await.is_err()
                {
                    // The command reads no more; its caller may go on sending.
                    stdin = None;
                }
            }
            Some((&CLOSE, [STDIN])) => stdin = None,
            _ => {}
        }
    }
}

/// The `Status` of a command's end, as the error channel carries it.
fn outcome(result: Result<ExitStatus, KubeletError>, command: &[String]) -> Value {
    match result {
        Ok(ExitStatus::SUCCESS) => json!({"metadata": {}, "status": "Success"}),
        Ok(ExitStatus(code)) => json!({
            "metadata": {},
            "status": "Failure",
            "message": format!(
                "command terminated with non-zero exit code: error executing command [{}], exit code {code}",
                command.join(" ")
            ),
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        Err(error) => {
            let mut status = Status::from(error).body();
            for field in ["kind", "apiVersion"] {
                status.as_object_mut().map(|fields| fields.remove(field));
            }
            status
        }
    }
}
