//! Why a transfer failed: curl's exit codes with curl's words.

use std::time::Duration;

/// A failed transfer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Failure {
    /// curl's exit code.
    pub(super) code: u8,
    /// curl's message, without its `curl: (code) `.
    pub(super) message: String,
}

impl Failure {
    pub(super) const COULD_NOT_CONNECT: u8 = 7;
    pub(super) const TIMED_OUT: u8 = 28;

    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn protocol(scheme: &str) -> Self {
        Self::new(1, format!("Protocol \"{scheme}\" not supported"))
    }

    pub(super) fn malformed_url() -> Self {
        Self::new(3, "URL using bad/illegal format or missing URL")
    }

    pub(super) fn not_resolved(host: &str) -> Self {
        Self::new(6, format!("Could not resolve host: {host}"))
    }

    pub(super) fn not_connected(host: &str, port: u16, after: Duration) -> Self {
        let milliseconds = after.as_millis();
        Self::new(
            Self::COULD_NOT_CONNECT,
            format!("Failed to connect to {host} port {port} after {milliseconds} ms: Couldn't connect to server"),
        )
    }

    /// The system gave up connecting.
    pub(super) fn connect_timed_out(host: &str, port: u16, after: Duration) -> Self {
        let milliseconds = after.as_millis();
        Self::new(
            Self::TIMED_OUT,
            format!("Failed to connect to {host} port {port} after {milliseconds} ms: Timeout was reached"),
        )
    }

    pub(super) fn incomplete(remaining: Option<u64>) -> Self {
        let message = match remaining {
            Some(remaining) => format!("transfer closed with {remaining} bytes remaining to read"),
            None => "transfer closed with outstanding read data remaining".to_owned(),
        };
        Self::new(18, message)
    }

    pub(super) fn http_status(code: u16) -> Self {
        Self::new(22, format!("The requested URL returned error: {code}"))
    }

    pub(super) fn not_written() -> Self {
        Self::new(23, "Failure writing output to destination")
    }

    pub(super) fn not_read(path: &str) -> Self {
        Self::new(26, format!("Failed to open {path}"))
    }

    pub(super) fn too_many_redirects(most: u32) -> Self {
        Self::new(47, format!("Maximum ({most}) redirects followed"))
    }

    pub(super) fn empty_reply() -> Self {
        Self::new(52, "Empty reply from server")
    }

    pub(super) fn not_sent(problem: &str) -> Self {
        Self::new(55, format!("Send failure: {problem}"))
    }

    pub(super) fn not_received(problem: &str) -> Self {
        Self::new(56, format!("Recv failure: {problem}"))
    }

    /// Whether `--retry` asks again by itself: the network may be better the next time.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self.code, 6 | Self::TIMED_OUT)
    }
}
