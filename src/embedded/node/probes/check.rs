//! One question of a probe: `httpGet`, `tcpSocket`, `grpc`, `exec`. The error is the text that the kubelet would show.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use k8s_openapi::{
    api::core::v1::{ExecAction, HTTPGetAction, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{Prober, grpc, tls};
use crate::embedded::node::{context::find_program, logs::ContainerLog, pod_host::PodHost, process::Process};

impl Prober {
    /// Asks once.
    pub(in crate::embedded::node) async fn check(&self, probe: &Probe) -> Result<(), String> {
        if let Some(action) = &probe.http_get {
            self.http_get(action).await
        } else if let Some(action) = &probe.tcp_socket {
            let to = self.target(action.host.as_deref(), &action.port)?;
            let connected = self.context.node.network.connect_from_node(to).await;
            connected.map(drop).map_err(|error| dial(to, &error))
        } else if let Some(action) = &probe.exec {
            self.exec(action).await
        } else if let Some(action) = &probe.grpc {
            let to = self.target(None, &IntOrString::Int(action.port))?;
            let stream = self.context.node.network.connect_from_node(to).await;
            let stream = stream.map_err(|error| format!("error: failed to connect service {to}: {error}"))?;
            grpc::check(stream, to, action.service.as_deref().unwrap_or_default()).await
        } else {
            Err("this kind of probe is not supported by this node".to_owned())
        }
    }

    async fn http_get(&self, action: &HTTPGetAction) -> Result<(), String> {
        let to = self.target(action.host.as_deref(), &action.port)?;
        let path = action.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
        let url = format!("{}://{to}{path}", if is_https(action) { "https" } else { "http" });
        let status = self.get(action, to, path).await.map_err(|error| format!("Get \"{url}\": {error}"))?;
        if (200..400).contains(&status.as_u16()) {
            return Ok(());
        }
        Err(format!("HTTP probe failed with statuscode: {}", status.as_u16()))
    }

    async fn get(&self, action: &HTTPGetAction, to: SocketAddr, path: &str) -> Result<StatusCode, String> {
        let stream = self.context.node.network.connect_from_node(to).await.map_err(|error| dial(to, &error))?;
        if is_https(action) {
            let stream = tls::connect(to.ip(), stream).await.map_err(|error| error.to_string())?;
            exchange(stream, action, to, path).await
        } else {
            exchange(stream, action, to, path).await
        }
    }

    async fn exec(&self, action: &ExecAction) -> Result<(), String> {
        let command = action.command.as_deref().unwrap_or_default();
        let (argv0, arguments) = command.split_first().ok_or("no command")?;
        let program = find_program(self.context.node.programs, argv0)
            .ok_or_else(|| format!("exec: \"{argv0}\": executable file not found in $PATH"))?;
        let output = std::sync::Arc::new(ContainerLog::default());
        let host = PodHost::new(self.container.clone(), output.clone(), None, CancellationToken::new());
        let status = Process::start(program, host, arguments.to_vec(), output.clone()).wait().await;
        if status.0 == 0 { Ok(()) } else { Err(output.tail(1024)) }
    }

    fn target(&self, host: Option<&str>, port: &IntOrString) -> Result<SocketAddr, String> {
        let address = match host {
            Some(host) => host.parse().map_err(|_| format!("host \"{host}\" is not an address"))?,
            None => IpAddr::V4(self.container.network.address()),
        };
        let port = match port {
            IntOrString::Int(port) => u16::try_from(*port).ok(),
            IntOrString::String(name) => {
                let mut ports = self.spec.ports.iter().flatten();
                let named = ports.find(|port| port.name.as_ref() == Some(name));
                named.and_then(|port| u16::try_from(port.container_port).ok()).or(name.parse().ok())
            }
        };
        Ok(SocketAddr::new(address, port.ok_or("couldn't find the port of the probe")?))
    }
}

fn dial(to: SocketAddr, error: &io::Error) -> String {
    let cause = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::HostUnreachable => "no route to host".to_owned(),
        _ => error.to_string(),
    };
    format!("dial tcp {to}: connect: {cause}")
}

fn is_https(action: &HTTPGetAction) -> bool {
    action.scheme.as_deref() == Some("HTTPS")
}

/// Asks over a connection, and reads the answer to its end.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    action: &HTTPGetAction,
    to: SocketAddr,
    path: &str,
) -> Result<StatusCode, String> {
    let text = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let mut request = Request::get(path).header(header::USER_AGENT, "kube-probe/1.37").header(header::ACCEPT, "*/*");
    let headers = action.http_headers.iter().flatten();
    let host = headers.clone().find(|header| header.name.eq_ignore_ascii_case("host"));
    request = request.header(header::HOST, host.map_or(to.to_string(), |header| header.value.clone()));
    for header in headers.filter(|header| !header.name.eq_ignore_ascii_case("host")) {
        request = request.header(header.name.as_str(), header.value.as_str());
    }
    let request = request.body(Empty::<bytes::Bytes>::new()).map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(text)?;
    let status = response.status();
    // A server that closes in the middle of its answer is not healthy.
    response.into_body().collect().await.map_err(text)?;
    Ok(status)
}
