//! `/websocket/echo`: says back what it is told.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures::{SinkExt as _, StreamExt as _};
use hyper::rt::Executor as _;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

use super::answers;
use crate::workloads::tasks::Spawner;

/// Accepts a WebSocket (RFC 6455) and echoes its messages until the client closes it.
pub(super) async fn echo(mut request: Request, spawner: Spawner) -> Response {
    let Some(accept) = accept_key(request.headers()) else {
        return answers::error(StatusCode::BAD_REQUEST, "this is a WebSocket: ask for an upgrade");
    };
    let upgrade = hyper::upgrade::on(&mut request);
    spawner.execute(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let (mut sink, mut messages) = socket.split();
        while let Some(Ok(message)) = messages.next().await {
            // Pings are answered by the library itself; a close ends the stream.
            if (message.is_text() || message.is_binary()) && sink.send(message).await.is_err() {
                return;
            }
        }
    });
    let headers = [
        (header::CONNECTION, "Upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, accept.as_str()),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

fn accept_key(headers: &HeaderMap) -> Option<String> {
    let is = |name, wanted: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted))
    };
    let is_upgrade = is(header::CONNECTION, "upgrade") && is(header::UPGRADE, "websocket");
    let key =
        headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| is_upgrade && is(header::SEC_WEBSOCKET_VERSION, "13"))?;
    Some(derive_accept_key(key.as_bytes()))
}
