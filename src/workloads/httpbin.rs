//! `httpbin`: an HTTP server that shows what it was asked, as people know it from go-httpbin.
//!
//! HTTP/1.1 and HTTP/2 with prior knowledge on one port.

mod answers;
mod echo;
mod streams;
mod websocket;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    extract::Request,
    routing::{any, get, post},
};
use futures::future::{BoxFuture, FutureExt as _};
use hyper::rt::Executor as _;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tower::ServiceExt as _;

use super::tasks::{Spawner, Tasks};
use crate::{
    host::{Accepted, ExitStatus, Host, Listener, Output},
    host_println,
};

const USAGE: &str = "usage: httpbin [--host ADDRESS] [--port PORT]
  The environment variables HOST and PORT say the same. Defaults: all addresses, port 8080.";

/// Who made the connection that a request came over.
#[derive(Clone, Copy, Debug)]
struct Peer(SocketAddr);

/// Runs `httpbin [--host ADDRESS] [--port PORT]` until it is asked to end, then lets open requests finish.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    async move {
        let address = match address(&*host, &arguments) {
            Ok(address) => address,
            Err(message) => {
                host_println!(host, Output::Stderr, "httpbin: {message}\n{USAGE}");
                return ExitStatus::USAGE;
            }
        };
        let listener = match host.listen(address).await {
            Ok(listener) => listener,
            Err(error) => {
                host_println!(host, Output::Stderr, "httpbin: cannot listen on {address}: {error}");
                return ExitStatus::FAILURE;
            }
        };
        host_println!(host, Output::Stderr, "httpbin: listening on http://{}", listener.local_addr());
        serve(&*host, &listener).await;
        ExitStatus::SUCCESS
    }
    .boxed()
}

fn address(host: &dyn Host, arguments: &[String]) -> Result<SocketAddr, String> {
    let (mut ip, mut port) = (host.env("HOST"), host.env("PORT"));
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let place = match name {
            "--host" | "-host" => &mut ip,
            "--port" | "-port" | "-p" => &mut port,
            _ => return Err(format!("unknown argument {argument}")),
        };
        let value = inline.or_else(|| rest.next().cloned());
        *place = Some(value.ok_or_else(|| format!("{name} needs a value"))?);
    }
    let ip = match ip {
        Some(text) => text.parse().map_err(|_| format!("{text} is not an IP address"))?,
        None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let port = match port {
        Some(text) => text.parse().map_err(|_| format!("{text} is not a port"))?,
        None => 8080,
    };
    Ok(SocketAddr::new(ip, port))
}

async fn serve(host: &dyn Host, listener: &Listener) {
    let (tasks, graceful, shutdown) = (Tasks::default(), GracefulShutdown::new(), host.shutdown());
    let spawner = tasks.spawner();
    let mut server = auto::Builder::new(spawner.clone());
    server.http1().timer(TokioTimer::new());
    let router = router(spawner.clone());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok(Accepted { stream, peer, .. }) => {
                // Answers are small and whole: waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                let service = router.clone().map_request(move |mut request: Request<hyper::body::Incoming>| {
                    request.extensions_mut().insert(Peer(peer));
                    request
                });
                let io = TokioIo::new(stream);
                let connection = server.serve_connection_with_upgrades(io, TowerToHyperService::new(service));
                spawner.execute(graceful.watch(connection.into_owned()).map(drop));
            }
            Err(error) => after_accept_error(&error).await,
        }
    }
    graceful.shutdown().await;
    drop(tasks);
}

/// A connection that was given up before it was accepted is nothing; a shortage (of files, of memory) needs time to pass.
async fn after_accept_error(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn router(spawner: Spawner) -> Router {
    Router::new()
        .route("/", get(answers::index))
        .route("/anything", any(echo::anything))
        .route("/anything/{*rest}", any(echo::anything))
        .route("/base64/{text}", get(answers::base64))
        .route("/basic-auth/{user}/{password}", get(answers::basic_auth))
        .route("/bearer", get(answers::bearer))
        .route("/bytes/{count}", get(streams::bytes))
        .route("/delay/{seconds}", any(streams::delay))
        .route("/delete", axum::routing::delete(echo::anything))
        .route("/drip", get(streams::drip))
        .route("/get", get(echo::get))
        .route("/headers", get(echo::headers))
        .route("/html", get(answers::html))
        .route("/ip", get(echo::ip))
        .route("/json", get(answers::json))
        .route("/patch", axum::routing::patch(echo::anything))
        .route("/post", post(echo::anything))
        .route("/put", axum::routing::put(echo::anything))
        .route("/redirect-to", any(answers::redirect_to))
        .route("/redirect/{count}", get(answers::redirect))
        .route("/relative-redirect/{count}", get(answers::redirect))
        .route("/response-headers", any(answers::response_headers))
        .route("/status/{code}", any(answers::status))
        .route("/stream-bytes/{count}", get(streams::stream_bytes))
        .route("/stream/{count}", get(streams::stream))
        .route("/user-agent", get(echo::user_agent))
        .route("/uuid", get(answers::uuid))
        .route("/websocket/echo", get(move |request| websocket::echo(request, spawner.clone())))
        .fallback(answers::not_found)
        .method_not_allowed_fallback(answers::method_not_allowed)
}
