//! What was counted in the last minute, though counters only know everything since the start.
//!
//! While there is traffic, the counts are noted every few seconds. A sidecar without traffic is not woken.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::{
    Report, Telemetry,
    report::{Counts, Reported},
};

/// What counts as recent.
const WINDOW: Duration = Duration::from_secs(60);
/// How often counts are noted.
const EVERY: Duration = Duration::from_secs(5);

/// Tells whether anything has been counted since somebody last looked.
#[derive(Debug, Default)]
pub(super) struct Activity {
    noticed: AtomicBool,
    woken: Notify,
}

impl Activity {
    /// Something was counted. Usually that is known already, and costs reading a flag that nobody writes.
    pub fn notice(&self) {
        if !self.noticed.load(Ordering::Relaxed) && !self.noticed.swap(true, Ordering::AcqRel) {
            self.woken.notify_one();
        }
    }

    fn take(&self) -> bool {
        self.noticed.swap(false, Ordering::AcqRel)
    }
}

/// The counts of one series at earlier times, oldest first.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<VecDeque<(Instant, Counts)>>);

impl Notes {
    /// Notes the counts of now. Of what is older than the window, the newest is kept: it is what recent counts begin at.
    fn add(&self, now: Instant, counts: Counts) {
        let mut notes = self.lock();
        notes.push_back((now, counts));
        while notes.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            notes.pop_front();
        }
    }

    /// The counts at the beginning of the window; none if the series is younger.
    fn before(&self, now: Instant) -> Option<(Instant, Counts)> {
        self.lock().iter().rev().find(|(at, _)| now.duration_since(*at) >= WINDOW).copied()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, Counts)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Telemetry {
    /// Notes the counts from time to time while they change. Never ends.
    pub(crate) async fn keep_notes(&self) {
        loop {
            self.activity.woken.notified().await;
            let mut quiet = Duration::ZERO;
            // A series is quiet for the whole window before the last note of it is what recent counts begin at.
            while quiet <= WINDOW {
                quiet = if self.activity.take() { Duration::ZERO } else { quiet + EVERY };
                sleep(EVERY).await;
                self.note(Instant::now());
            }
        }
    }

    fn note(&self, now: Instant) {
        for (_, series) in self.all() {
            series.notes.add(now, series.counts());
        }
    }

    /// What has been counted, for the control plane.
    pub fn report(&self) -> Report {
        let now = Instant::now();
        let mut begin = None;
        let series = self.all().into_iter().map(|(labels, series)| {
            let before = series.notes.before(now);
            begin = begin.max(before.map(|(at, _)| at));
            Reported::new(&labels, &series, before.map(|(_, counts)| counts).unwrap_or_default())
        });
        let series = series.filter(|reported| !reported.total.is_empty()).collect();
        let age = now.duration_since(begin.unwrap_or(self.started));
        // After a pause the last note is older than the window; all that is recent is within the window all the same.
        let recent = if age > WINDOW + EVERY { WINDOW } else { age };
        Report { recent_seconds: recent.as_secs_f64(), series }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sidecar::{
        access_log::Direction,
        telemetry::{Exchange, Labels},
    };

    #[tokio::test(start_paused = true)]
    async fn recent_is_the_last_minute() {
        let telemetry = Arc::new(Telemetry::default());
        let keeping = telemetry.clone();
        let _keeping =
            tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move { keeping.keep_notes().await }));
        let labels =
            Labels { direction: Direction::Outbound, transport: None, peer: None, workload: None, service: None };
        let series = telemetry.series(&labels);
        let ask = || series.request(&Exchange::default());
        let counted = || {
            let report = telemetry.report();
            let [reported] = &report.series[..] else { panic!("{report:?}") };
            (reported.total.requests, reported.recent.requests, report.recent_seconds.round() as u64)
        };
        ask();
        sleep(Duration::from_secs(20)).await;
        assert_eq!(counted(), (1, 1, 20));
        ask();
        sleep(Duration::from_secs(30)).await;
        assert_eq!(counted(), (2, 2, 50));
        sleep(Duration::from_secs(16)).await;
        assert_eq!(counted(), (2, 1, 61), "the first one is more than a minute ago");
        sleep(Duration::from_secs(600)).await;
        assert_eq!(counted(), (2, 0, 60));
        ask();
        assert_eq!(counted(), (3, 1, 60), "however long the pause was");
    }
}
