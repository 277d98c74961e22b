//! What a sidecar counts, under Istio's standard names.
//!
//! What tells series apart is known as soon as a connection stands, so a series is looked up once per connection; a
//! request then costs a few atomic additions, no lock and no allocation.

mod histogram;
pub mod labels;
mod prometheus;
mod recent;
pub mod report;
pub mod series;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

pub(crate) use labels::Neighbours;
pub use labels::{Labels, Own, Workload};
pub use prometheus::prometheus;
pub use report::Report;
pub use series::{Exchange, Outcome, Series};
use tokio::time::Instant;

use self::recent::Activity;
use crate::mesh::identity::SpiffeId;

/// The most series that one sidecar keeps. What comes beyond is counted together, per direction and transport.
const MOST_SERIES: usize = 2000;

/// All series of one sidecar, or of one of its runtimes.
#[derive(Debug)]
pub struct Telemetry {
    started: Instant,
    activity: Arc<Activity>,
    workload: Option<Workload>,
    principal: OnceLock<SpiffeId>,
    series: Mutex<BTreeMap<Labels, Arc<Series>>>,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            activity: Arc::default(),
            workload: None,
            principal: OnceLock::new(),
            series: Mutex::default(),
        }
    }
}

impl Telemetry {
    /// Nothing counted yet, for a sidecar of this workload.
    pub fn of(workload: Option<Workload>) -> Self {
        Self { workload, ..Self::default() }
    }

    /// Says who the sidecar is. It keeps its identity when it renews its certificate.
    pub(crate) fn known_as(&self, principal: &SpiffeId) {
        self.principal.get_or_init(|| principal.clone());
    }

    /// Who the sidecar is.
    pub fn own(&self) -> Own {
        Own { workload: self.workload.clone(), principal: self.principal.get().cloned() }
    }

    /// The counters under these labels.
    pub fn series(&self, labels: &Labels) -> Arc<Series> {
        let mut all = self.lock();
        if let Some(known) = all.get(labels) {
            return known.clone();
        }
        let labels = if all.len() < MOST_SERIES { labels.clone() } else { labels.overflow() };
        all.entry(labels).or_insert_with(|| Arc::new(Series::new(self.activity.clone()))).clone()
    }

    /// All series so far.
    pub fn all(&self) -> Vec<(Labels, Arc<Series>)> {
        self.lock().iter().map(|(labels, series)| (labels.clone(), series.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Labels, Arc<Series>>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A series that is looked up once.
#[derive(Debug, Default)]
pub(crate) struct LazySeries(OnceLock<Arc<Series>>);

impl LazySeries {
    pub fn get(&self, find: impl FnOnce() -> Arc<Series>) -> &Arc<Series> {
        self.0.get_or_init(find)
    }
}

#[cfg(test)]
mod tests;
