//! Answers that take their time or their space; none is ever held in memory as a whole.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, RawQuery, Request},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures::stream::{self, Stream, StreamExt as _};
use serde_json::Value;

use super::{answers, echo};

/// The most bytes that anybody gets (1 GiB).
const MAX_BYTES: u64 = 1 << 30;
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// The size of the pieces that bytes are sent in.
const PIECE: usize = 64 * 1024;

/// `/bytes/N`: N bytes with their length announced; the same ones every time.
pub(super) async fn bytes(Path(count): Path<String>) -> Response {
    match byte_count(&count) {
        Ok(count) => {
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
                (header::CONTENT_LENGTH, count.to_string()),
            ];
            (headers, Body::from_stream(pieces(count))).into_response()
        }
        Err(refusal) => refusal,
    }
}

/// `/stream-bytes/N`: the same without a length.
pub(super) async fn stream_bytes(Path(count): Path<String>) -> Response {
    match byte_count(&count) {
        Ok(count) => {
            ([(header::CONTENT_TYPE, "application/octet-stream")], Body::from_stream(pieces(count))).into_response()
        }
        Err(refusal) => refusal,
    }
}

#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn byte_count(text: &str) -> Result<u64, Response> {
    text.parse()
        .ok()
        .filter(|count| *count <= MAX_BYTES)
        .ok_or_else(|| answers::error(StatusCode::BAD_REQUEST, &format!("a count is a number from 0 to {MAX_BYTES}")))
}

fn pieces(count: u64) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let pattern: Bytes = (0..PIECE).map(|index| (index % 251) as u8).collect::<Vec<u8>>().into();
    stream::unfold(count, move |left| {
        let size = left.min(PIECE as u64);
        let piece = pattern.slice(..size as usize);
        async move { (size > 0).then_some((Ok(piece), left - size)) }
    })
}

/// `/stream/N`: N lines of JSON (at most 100).
pub(super) async fn stream(Path(count): Path<String>, request: Request) -> Response {
    let Ok(count) = count.parse::<u64>() else {
        return answers::error(StatusCode::BAD_REQUEST, "a count is a number from 0 to 100");
    };
    let (parts, _) = request.into_parts();
    let description = echo::described(&parts);
    let lines = stream::iter(0..count.min(100)).map(move |id| {
        let mut line = description.clone();
        line.insert("id".to_owned(), Value::from(id));
        Ok::<_, Infallible>(format!("{}\n", Value::Object(line)))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response()
}

/// `/delay/N`: shows the request after N seconds (at most 10).
pub(super) async fn delay(Path(seconds): Path<String>, request: Request) -> Response {
    let Some(wait) = duration(&seconds) else {
        return answers::error(StatusCode::BAD_REQUEST, "a delay is a number of seconds from 0 to 10");
    };
    tokio::time::sleep(wait).await;
    let (parts, _) = request.into_parts();
    Json(Value::Object(echo::described(&parts))).into_response()
}

fn duration(seconds: &str) -> Option<Duration> {
    let number = seconds.strip_suffix('s').unwrap_or(seconds).parse().ok()?;
    Duration::try_from_secs_f64(number).ok().filter(|wait| *wait <= MAX_WAIT)
}

/// `/drip?duration=2&numbytes=10&code=200&delay=0`: bytes one by one over a time.
pub(super) async fn drip(RawQuery(query): RawQuery) -> Response {
    let query: Vec<(String, String)> = echo::pairs(&query.unwrap_or_default()).collect();
    let value = |wanted: &str, default: &str| {
        let found = query.iter().find(|(name, _)| name == wanted);
        found.map_or_else(|| default.to_owned(), |(_, value)| value.clone())
    };
    let (Some(over), Some(delay)) = (duration(&value("duration", "2")), duration(&value("delay", "0"))) else {
        return answers::error(StatusCode::BAD_REQUEST, "durations are seconds from 0 to 10");
    };
    let count = value("numbytes", "10").parse::<u32>().ok().filter(|count| (1..=100_000).contains(count));
    let status = StatusCode::from_bytes(value("code", "200").as_bytes());
    let (Some(count), Ok(status)) = (count, status) else {
        return answers::error(StatusCode::BAD_REQUEST, "numbytes is a number from 1 to 100000, code a status");
    };
    tokio::time::sleep(delay).await;
    let pause = over / count;
    let drops = stream::unfold(0, move |sent| async move {
        if sent == count {
            return None;
        }
        tokio::time::sleep(pause).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b"*")), sent + 1))
    });
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_LENGTH, count.to_string())];
    (status, headers, Body::from_stream(drops)).into_response()
}
