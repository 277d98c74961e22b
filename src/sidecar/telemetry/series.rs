//! The counters under one set of labels. Counting takes no lock and allocates nothing.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    histogram::Histogram,
    recent::{Activity, Notes},
};

/// Different outcomes that are told apart; a status code is chosen by the application, so there must be a limit.
const OUTCOMES: usize = 32;

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Outcome {
    /// The status sent downstream; 0 if it is one too many to be told apart.
    pub status: u16,
    /// Envoy's response flags; empty if all went well.
    pub flags: &'static str,
    /// For gRPC: its status, if it was told.
    pub grpc: Option<Option<u16>>,
}

impl Outcome {
    /// Whether the caller got what it asked for, as far as a proxy can tell.
    pub fn is_error(&self) -> bool {
        self.status >= 500 || !self.flags.is_empty() || self.grpc.flatten().is_some_and(|status| status != 0)
    }
}

/// A request that has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exchange {
    /// How.
    pub outcome: Outcome,
    /// How long it took, from its head to the end of its response.
    pub took: Duration,
    /// Bytes of its body.
    pub received: u64,
    /// Bytes of the response's body.
    pub sent: u64,
}

/// The requests of one outcome.
#[derive(Debug)]
pub(super) struct Requests {
    pub outcome: Outcome,
    pub duration: Histogram,
    pub received: Histogram,
    pub sent: Histogram,
}

impl Requests {
    fn new(outcome: Outcome) -> Box<Self> {
        let [duration, received, sent] = std::array::from_fn(|_| Histogram::default());
        Box::new(Self { outcome, duration, received, sent })
    }

    fn add(&self, exchange: &Exchange) {
        self.duration.observe(u64::try_from(exchange.took.as_micros()).unwrap_or(u64::MAX));
        self.received.observe(exchange.received.saturating_mul(1000));
        self.sent.observe(exchange.sent.saturating_mul(1000));
    }
}

/// The counters under one set of labels.
#[derive(Debug, Default)]
pub struct Series {
    requests: [OnceLock<Box<Requests>>; OUTCOMES],
    rest: OnceLock<Box<Requests>>,
    opened: AtomicU64,
    closed: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    pub(super) notes: Notes,
    activity: Arc<Activity>,
}

/// Opaque connections at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Opaque {
    /// Those that began.
    pub opened: u64,
    /// Those that ended.
    pub closed: u64,
    /// Those of the latter that found nobody, or were cut.
    pub failed: u64,
    /// Those that were not let in; they are none of the others.
    pub refused: u64,
    /// Bytes from downstream.
    pub received: u64,
    /// Bytes to downstream.
    pub sent: u64,
}

impl Series {
    /// Nothing counted yet.
    pub(super) fn new(activity: Arc<Activity>) -> Self {
        Self { activity, ..Self::default() }
    }

    /// Counts a request that has ended.
    pub fn request(&self, exchange: &Exchange) {
        self.requests_with(exchange.outcome).add(exchange);
        self.activity.notice();
    }

    /// The counters of an outcome, in the first place that is free or has them already. Outcomes are few, and those
    /// that come first come most.
    fn requests_with(&self, outcome: Outcome) -> &Requests {
        let mut places = self.requests.iter().map(|place| place.get_or_init(|| Requests::new(outcome)));
        let found = places.find(|requests| requests.outcome == outcome);
        found.unwrap_or_else(|| self.rest.get_or_init(|| Requests::new(Outcome::default())))
    }

    /// Counts an opaque connection that begins.
    pub fn open(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.activity.notice();
    }

    /// Counts bytes of an opaque connection, while it goes on.
    pub fn pass(&self, received: u64, sent: u64) {
        self.received.fetch_add(received, Ordering::Relaxed);
        self.sent.fetch_add(sent, Ordering::Relaxed);
    }

    /// Counts an opaque connection that ended, well or not.
    pub fn close(&self, well: bool) {
        self.closed.fetch_add(1, Ordering::Relaxed);
        if !well {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.activity.notice();
    }

    /// Counts a connection that was not let in.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.activity.notice();
    }

    /// The requests so far, by outcome.
    pub(super) fn requests(&self) -> impl Iterator<Item = &Requests> {
        self.requests.iter().map_while(OnceLock::get).chain(self.rest.get()).map(|requests| &**requests)
    }

    /// The opaque connections so far.
    pub fn opaque(&self) -> Opaque {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Opaque {
            opened: read(&self.opened),
            closed: read(&self.closed),
            failed: read(&self.failed),
            refused: read(&self.refused),
            received: read(&self.received),
            sent: read(&self.sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_beyond_the_limit_are_counted_together() {
        let series = Series::default();
        for status in 100..200 {
            let outcome = Outcome { status, ..Outcome::default() };
            series.request(&Exchange { outcome, ..Exchange::default() });
        }
        let counted: Vec<(u16, u64)> =
            series.requests().map(|requests| (requests.outcome.status, requests.duration.read().count())).collect();
        assert_eq!(counted.len(), OUTCOMES + 1);
        assert_eq!((counted[0], counted[OUTCOMES]), ((100, 1), (0, 68)));
    }

    #[test]
    fn errors_are_told_from_answers() {
        let outcome = |status, flags, grpc| Outcome { status, flags, grpc };
        assert!(!outcome(404, "", None).is_error() && !outcome(200, "", Some(Some(0))).is_error());
        assert!(outcome(503, "", None).is_error() && outcome(200, "UC", None).is_error());
        assert!(outcome(200, "", Some(Some(14))).is_error());
    }
}
