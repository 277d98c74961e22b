//! What a sidecar has counted, as it tells the control plane: since it started, and in the last minute.

use std::{
    collections::BTreeMap,
    iter::Sum,
    ops::{Add, AddAssign},
};

use serde::{Deserialize, Serialize};

use super::{Labels, Series, Workload};
use crate::{
    mesh::identity::SpiffeId,
    sidecar::access_log::{Direction, Transport},
};

/// All that one sidecar has counted.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many seconds the recent counts are of.
    pub recent_seconds: f64,
    /// One for each set of labels.
    pub series: Vec<Reported>,
}

/// What was counted under one set of [`Labels`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// Who called: somebody us, or we somebody.
    pub direction: Direction,
    /// How the bytes travelled; absent if nobody was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// Who was at the other end, if it proved that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SpiffeId>,
    /// The workload at the other end, if the configuration knows its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Place>,
    /// The Service that was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Since the sidecar started.
    pub total: Counts,
    /// In the last minute.
    pub recent: Counts,
    /// All requests by their status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub codes: BTreeMap<u16, u64>,
}

/// A workload's name and namespace.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl From<&Workload> for Place {
    fn from(workload: &Workload) -> Self {
        Self { namespace: workload.namespace.to_string(), name: workload.name.to_string() }
    }
}

/// How much traffic there was.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Requests that have ended.
    pub requests: u64,
    /// Those of them that went wrong: a status from 500 on, no answer, or a status of gRPC other than OK.
    pub errors: u64,
    /// Opaque connections that began.
    pub connections: u64,
    /// Those of them that found nobody, or were cut.
    pub failed: u64,
    /// Connections that were not let in.
    pub refused: u64,
}

impl Counts {
    /// What `self` has more than `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            errors: self.errors.saturating_sub(earlier.errors),
            connections: self.connections.saturating_sub(earlier.connections),
            failed: self.failed.saturating_sub(earlier.failed),
            refused: self.refused.saturating_sub(earlier.refused),
        }
    }

    /// Requests and opaque connections.
    pub fn calls(self) -> u64 {
        self.requests.saturating_add(self.connections)
    }

    /// Whether nothing was counted.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            errors: self.errors.saturating_add(other.errors),
            connections: self.connections.saturating_add(other.connections),
            failed: self.failed.saturating_add(other.failed),
            refused: self.refused.saturating_add(other.refused),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

impl Series {
    /// Everything so far.
    pub(super) fn counts(&self) -> Counts {
        let opaque = self.opaque();
        let mut counts =
            Counts { connections: opaque.opened, failed: opaque.failed, refused: opaque.refused, ..Counts::default() };
        for requests in self.requests() {
            let count = requests.duration.read().count();
            counts.requests += count;
            counts.errors += if requests.outcome.is_error() { count } else { 0 };
        }
        counts
    }

    fn codes(&self) -> BTreeMap<u16, u64> {
        let mut codes = BTreeMap::new();
        for requests in self.requests() {
            *codes.entry(requests.outcome.status).or_default() += requests.duration.read().count();
        }
        codes
    }
}

impl Reported {
    /// What `series` has counted, and what of it is not among `earlier`.
    pub(super) fn new(labels: &Labels, series: &Series, earlier: Counts) -> Self {
        let total = series.counts();
        Self {
            direction: labels.direction,
            transport: labels.transport,
            peer: labels.peer.clone(),
            workload: labels.workload.as_ref().map(Place::from),
            service: labels.service.as_deref().map(str::to_owned),
            total,
            recent: total.since(earlier),
            codes: series.codes(),
        }
    }
}
