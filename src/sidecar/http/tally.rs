//! One request on its way to being counted: when it began, how large it is, how it ends.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderMap, header::CONTENT_TYPE};
use tokio::time::Instant;

use crate::sidecar::telemetry::{Exchange, Outcome, Series};

const GRPC_STATUS: &str = "grpc-status";

/// How large a request's body is.
#[derive(Clone, Debug)]
pub(crate) enum Size {
    /// Its head says so.
    Known(u64),
    /// It is counted while it passes.
    Counted(Arc<AtomicU64>),
}

impl Size {
    fn read(&self) -> u64 {
        match self {
            Self::Known(size) => *size,
            Self::Counted(counter) => counter.load(Ordering::Relaxed),
        }
    }
}

/// A request that will be counted when it ends.
#[derive(Debug)]
pub(crate) struct Tally {
    series: Arc<Series>,
    started: Instant,
    received: Size,
    sent: u64,
    outcome: Outcome,
}

impl Tally {
    /// A request that has been answered with `status`.
    pub fn new(series: Arc<Series>, started: Instant, received: Size, status: u16, flags: &'static str) -> Self {
        Self { series, started, received, sent: 0, outcome: Outcome { status, flags, grpc: None } }
    }

    /// Looks whether it is gRPC, and for its status: a response without a body has it in its head.
    pub fn head(&mut self, headers: &HeaderMap) {
        let grpc = |kind: &http::HeaderValue| kind.as_bytes().starts_with(b"application/grpc");
        if headers.get(CONTENT_TYPE).is_some_and(grpc) {
            self.outcome.grpc = Some(grpc_status(headers));
        }
    }

    /// Takes the status of gRPC from where it usually is.
    pub fn trailers(&mut self, trailers: &HeaderMap) {
        if self.outcome.grpc.is_some() {
            self.outcome.grpc = Some(grpc_status(trailers));
        }
    }

    /// Counts bytes of the response.
    pub fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// It did not go well.
    pub fn fail(&mut self, flags: &'static str) {
        self.outcome.flags = flags;
    }

    /// Counts it.
    pub fn finish(self) {
        let Self { series, started, received, sent, outcome } = self;
        series.request(&Exchange { outcome, took: started.elapsed(), received: received.read(), sent });
    }
}

/// The status of gRPC; one that is none of the known is `UNKNOWN`, so that an application cannot make up series.
fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    const UNKNOWN: u16 = 2;
    const LAST: u16 = 16;
    let status = headers.get(GRPC_STATUS)?.to_str().ok()?.parse().unwrap_or(UNKNOWN);
    Some(if status > LAST { UNKNOWN } else { status })
}
