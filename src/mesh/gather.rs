//! Asks all proxies what they have counted, when somebody wants to know; in between, nobody is disturbed.
//!
//! A look has a number. A proxy that waits for its next configuration is told the number of the newest look, tells what
//! it has counted, and waits again. Nothing here knows how that travels.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::sync::watch;

use super::distribute::PodName;
use crate::sidecar::telemetry::Report;

/// What one proxy told.
#[derive(Clone, Debug)]
pub struct Told {
    /// The look that it answered.
    pub look: u64,
    /// What it has counted.
    pub report: Report,
}

/// What all proxies have told.
pub struct Gathering {
    looks: watch::Sender<u64>,
    told: watch::Sender<BTreeMap<PodName, Told>>,
}

impl Default for Gathering {
    fn default() -> Self {
        Self { looks: watch::Sender::new(0), told: watch::Sender::default() }
    }
}

/// The answer to a look.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// By proxy.
    pub told: BTreeMap<PodName, Report>,
    /// Proxies that did not answer in time. What they told before is among the rest.
    pub silent: BTreeSet<PodName>,
}

impl Gathering {
    /// Waits until there is a look other than `answered`, and answers its number.
    pub async fn wanted(&self, answered: u64) -> u64 {
        let mut looks = self.looks.subscribe();
        let look = looks.wait_for(|look| *look != answered).await;
        *look.expect("the sender is ours")
    }

    /// Takes what a proxy tells.
    pub fn take(&self, pod: PodName, told: Told) {
        self.told.send_modify(|all| {
            all.insert(pod, told);
        });
    }

    /// Asks all `proxies`, and waits until they have told, but no longer than `patience`. Others are forgotten.
    pub async fn look(&self, proxies: &BTreeSet<PodName>, patience: Duration) -> Gathered {
        self.told.send_if_modified(|all| {
            all.retain(|pod, _| proxies.contains(pod));
            false
        });
        let mut look = 0;
        self.looks.send_modify(|number| {
            *number += 1;
            look = *number;
        });
        let is_silent = |all: &BTreeMap<PodName, Told>, pod: &PodName| all.get(pod).is_none_or(|told| told.look < look);
        let mut told = self.told.subscribe();
        let complete = told.wait_for(|all| !proxies.iter().any(|pod| is_silent(all, pod)));
        // Whoever is late is named in the answer.
        let _ = tokio::time::timeout(patience, complete).await;
        let all = self.told.borrow();
        Gathered {
            silent: proxies.iter().filter(|pod| is_silent(&all, pod)).cloned().collect(),
            told: all.iter().map(|(pod, told)| (pod.clone(), told.report.clone())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn pods(names: &[&str]) -> BTreeSet<PodName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_waits_for_all_proxies() {
        let gathering = Arc::new(Gathering::default());
        for name in ["foo/a", "foo/b"] {
            let (gathering, pod) = (gathering.clone(), name.parse::<PodName>().unwrap());
            tokio::spawn(async move {
                let look = gathering.wanted(0).await;
                gathering.take(pod, Told { look, report: Report { recent_seconds: 7.0, series: Vec::new() } });
            });
        }
        let gathered = gathering.look(&pods(&["foo/a", "foo/b"]), Duration::from_secs(2)).await;
        assert_eq!((gathered.told.len(), gathered.silent.len()), (2, 0));
        let gathered = gathering.look(&pods(&["foo/b", "foo/c"]), Duration::from_secs(2)).await;
        assert_eq!(gathered.silent, pods(&["foo/b", "foo/c"]));
        assert_eq!(gathered.told.keys().cloned().collect::<BTreeSet<_>>(), pods(&["foo/b"]), "what it told before");
    }
}
