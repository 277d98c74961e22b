//! The gRPC health check (`grpc.health.v1.Health/Check`) over plaintext HTTP/2, as the kubelet asks it.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// More than an answer to a health check has.
const LARGEST_ANSWER: usize = 64 * 1024;
/// What precedes each gRPC message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// The states of `HealthCheckResponse`, by their numbers.
const STATES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/// Asks whether `service` (nothing: the server as a whole) is serving.
pub(super) async fn check(stream: TcpStream, to: SocketAddr, service: &str) -> Result<(), String> {
    let text = |error: hyper::Error| format!("error: health rpc probe failed: {error}");
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(text)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::post(format!("http://{to}/grpc.health.v1.Health/Check"))
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(Full::<Bytes>::from(message(service)))
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(text)?;
    if response.status() != StatusCode::OK {
        return Err(format!("error: health rpc probe failed: unexpected HTTP status {}", response.status()));
    }
    let early = grpc_status(response.headers());
    let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
    let body = body.map_err(|error| format!("error: health rpc probe failed: {error}"))?;
    let status = early.or_else(|| body.trailers().and_then(grpc_status));
    match status.as_deref() {
        None | Some("0") => serving(&body.to_bytes()),
        // UNIMPLEMENTED, NOT_FOUND: the server does not know the health service, or this one.
        Some("12") => Err("error: this server does not implement the grpc health protocol".to_owned()),
        Some(code) => Err(format!("error: health rpc probe failed: status code {code}")),
    }
}

fn grpc_status(headers: &http::HeaderMap) -> Option<String> {
    headers.get("grpc-status")?.to_str().ok().map(str::to_owned)
}

/// `HealthCheckRequest { service }`: the name is field 1.
fn message(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            message.put_u8((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        message.put_u8(length as u8);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(&message);
    framed.freeze()
}

/// `HealthCheckResponse { status }`: field 1, a varint; left out if it is 0.
fn serving(answer: &[u8]) -> Result<(), String> {
    let state = match answer.get(PREFIX..) {
        Some([]) => STATES[0],
        Some([0x08, number, ..]) => STATES.get(usize::from(*number)).copied().unwrap_or(STATES[0]),
        _ => return Err("error: health rpc probe failed: the answer is no HealthCheckResponse".to_owned()),
    };
    if state == "SERVING" { Ok(()) } else { Err(format!("service unhealthy (responded with \"{state}\")")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_framed() {
        assert_eq!(&message("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&message("ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(&message(&"x".repeat(200))[5..8], [0x0a, 0xc8, 1]);
    }

    #[test]
    fn only_serving_is_healthy() {
        assert_eq!(serving(&[0, 0, 0, 0, 2, 8, 1]), Ok(()));
        assert_eq!(serving(&[0, 0, 0, 0, 2, 8, 2]).unwrap_err(), "service unhealthy (responded with \"NOT_SERVING\")");
        assert_eq!(serving(&[0, 0, 0, 0, 0]).unwrap_err(), "service unhealthy (responded with \"UNKNOWN\")");
        assert!(serving(&[]).is_err());
    }
}
