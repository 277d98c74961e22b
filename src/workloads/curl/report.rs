//! What is known about a transfer, while it runs and afterwards.

use std::{net::SocketAddr, time::Duration};

use http::HeaderMap;
use tokio::time::Instant;

use super::failure::Failure;

/// How far a transfer has come; decides the words of a timeout.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    Resolving,
    Connecting,
    Handshaking,
    Exchanging,
}

/// One transfer.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) phase: Phase,
    pub(super) started: Instant,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) scheme: &'static str,
    pub(super) local: Option<SocketAddr>,
    pub(super) remote: Option<SocketAddr>,
    pub(super) connects: u32,
    pub(super) redirects: u32,
    /// Where a redirect that was not followed leads.
    pub(super) redirect_url: String,
    /// 0 without an answer.
    pub(super) status: u16,
    /// `1.1`, `2`; `0` without an answer.
    pub(super) http_version: &'static str,
    pub(super) headers: HeaderMap,
    pub(super) header_size: u64,
    pub(super) body_size: u64,
    /// How long the body says it is.
    pub(super) body_length: Option<u64>,
    pub(super) upload_size: u64,
    /// What OpenSSL would have answered about the server's certificate; 0 is fine.
    pub(super) verify_result: u32,
    pub(super) resolved: Duration,
    pub(super) connected: Duration,
    pub(super) shaken: Duration,
    pub(super) sending: Duration,
    pub(super) answered: Duration,
    pub(super) redirected: Duration,
    pub(super) total: Duration,
}

impl Report {
    pub(super) fn new(url: &str) -> Self {
        Self {
            phase: Phase::Resolving,
            started: Instant::now(),
            method: String::new(),
            url: url.to_owned(),
            scheme: "",
            local: None,
            remote: None,
            connects: 0,
            redirects: 0,
            redirect_url: String::new(),
            status: 0,
            http_version: "0",
            headers: HeaderMap::new(),
            header_size: 0,
            body_size: 0,
            body_length: None,
            upload_size: 0,
            verify_result: 0,
            resolved: Duration::ZERO,
            connected: Duration::ZERO,
            shaken: Duration::ZERO,
            sending: Duration::ZERO,
            answered: Duration::ZERO,
            redirected: Duration::ZERO,
            total: Duration::ZERO,
        }
    }

    /// The time since the transfer began.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The failure of a transfer that ran out of time here.
    pub(super) fn timed_out(&self) -> Failure {
        let milliseconds = self.elapsed().as_millis();
        let message = match self.phase {
            Phase::Resolving => format!("Resolving timed out after {milliseconds} milliseconds"),
            Phase::Connecting => format!("Connection timed out after {milliseconds} milliseconds"),
            Phase::Handshaking => "SSL connection timeout".to_owned(),
            Phase::Exchanging => {
                let of = self.body_length.map(|length| format!(" out of {length}")).unwrap_or_default();
                format!(
                    "Operation timed out after {milliseconds} milliseconds with {}{of} bytes received",
                    self.body_size
                )
            }
        };
        Failure::new(Failure::TIMED_OUT, message)
    }
}
