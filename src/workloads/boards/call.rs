//! JSON from and to the other services.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    host::Host,
    workloads::{
        ask::{NotAUrl, Unanswered, Url, ask},
        trace::Trace,
        upstream::Upstream,
    },
};

/// Why a service's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("the answer is not what was asked for: {0}")]
    Json(#[from] serde_json::Error),
    #[error("HTTP {}: {message}", status.as_u16())]
    Status { status: StatusCode, message: String },
    #[error("{}", .0.told())]
    Unanswered(#[from] Unanswered),
    #[error(transparent)]
    Url(#[from] NotAUrl),
}

/// Asks a service for something.
pub(super) async fn get<T: DeserializeOwned>(
    host: &dyn Host,
    trace: &Trace,
    service: &Upstream,
    path: &str,
) -> Result<T, CallError> {
    call(host, trace, Method::GET, service, path, Bytes::new()).await
}

/// Gives a service something.
pub(super) async fn post<T: DeserializeOwned>(
    host: &dyn Host,
    trace: &Trace,
    service: &Upstream,
    path: &str,
    body: &impl Serialize,
) -> Result<T, CallError> {
    call(host, trace, Method::POST, service, path, serde_json::to_vec(body)?.into()).await
}

async fn call<T: DeserializeOwned>(
    host: &dyn Host,
    trace: &Trace,
    method: Method,
    service: &Upstream,
    path: &str,
    body: Bytes,
) -> Result<T, CallError> {
    let json = HeaderValue::from_static("application/json");
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
    let answer = ask(host, trace, method, &Url::at(service, path)?, headers, body).await?;
    if answer.status().is_success() {
        return Ok(serde_json::from_slice(answer.body())?);
    }
    let told: Option<Value> = serde_json::from_slice(answer.body()).ok();
    let message = told.as_ref().and_then(|told| told["error"].as_str()).unwrap_or("no reason is given").to_owned();
    Err(CallError::Status { status: answer.status(), message })
}

/// A text as it may stand in a query.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
