//! What proxies report, as claims of the two ends of an edge.

use std::collections::{BTreeMap, BTreeSet};

use super::{Amount, Claim};
use crate::{
    mesh::{
        distribute::{Pod, PodName},
        gather::Gathered,
        identity::SpiffeId,
    },
    sidecar::{
        access_log::{Direction, Transport},
        telemetry::{
            labels::service_of,
            report::{Place, Reported},
        },
    },
};

/// The name of a workload's node.
pub(super) fn workload_name(place: &Place) -> String {
    format!("{}/{}", place.namespace, place.name)
}

/// Who is called, as far as the caller knows.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Callee {
    /// No Service of the mesh.
    Outside,
    /// Nobody in particular, of this Service.
    Service(String),
    /// A workload.
    Workload(String),
}

/// All claims of one end about one edge, beside who answers for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Claimed {
    pub claim: Claim,
    pub services: BTreeSet<String>,
    pub codes: BTreeMap<u16, u64>,
    /// Calls per second in the last minute.
    pub rate: f64,
}

impl Claimed {
    fn add(&mut self, own: &SpiffeId, reported: &Reported, seconds: f64) {
        let amount = Amount { total: reported.total, recent: reported.recent };
        *match reported.transport {
            Some(Transport::Mtls) => &mut self.claim.mtls,
            Some(Transport::Plaintext) => &mut self.claim.plaintext,
            Some(Transport::Tls) => &mut self.claim.tls,
            None => &mut self.claim.unreached,
        } += amount;
        self.claim.peers.extend(reported.peer.clone());
        self.claim.own.insert(own.clone());
        self.services.extend(reported.service.clone());
        self.add_codes(&reported.codes);
        // A sidecar that has just started has not counted for a whole second yet.
        self.rate += reported.recent.calls() as f64 / seconds.max(1.0);
    }
}

/// What all proxies say.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// By caller and called.
    pub outbound: BTreeMap<(String, Callee), Claimed>,
    /// By the called, who the caller proved to be, and which workload it seems to be.
    pub inbound: BTreeMap<(String, Option<SpiffeId>, Option<String>), Claimed>,
    /// The workloads that have proxies.
    pub workloads: BTreeSet<String>,
    /// The workloads seen behind a Service.
    behind: BTreeMap<String, BTreeSet<String>>,
}

impl Claims {
    /// Reads all reports. Whose they are, the control plane knows; a proxy is not asked.
    pub fn new(pods: &BTreeMap<PodName, Pod>, gathered: &Gathered) -> Self {
        let mut claims = Self::default();
        for (name, report) in &gathered.told {
            let Some(pod) = pods.get(name) else { continue };
            let own = format!("{}/{}", name.namespace, pod.workload);
            claims.workloads.insert(own.clone());
            for reported in &report.series {
                claims.add(&own, &pod.id, reported, report.recent_seconds);
            }
        }
        claims.find_reached();
        claims
    }

    fn add(&mut self, own: &str, id: &SpiffeId, reported: &Reported, seconds: f64) {
        let other = reported.workload.as_ref().map(workload_name);
        let claimed = match reported.direction {
            Direction::Inbound => {
                self.note(reported.service.as_ref(), own);
                self.inbound.entry((own.to_owned(), reported.peer.clone(), other)).or_default()
            }
            Direction::Outbound => {
                if let Some(other) = &other {
                    self.note(reported.service.as_ref(), other);
                }
                let callee = match (other, &reported.service) {
                    (Some(workload), _) => Callee::Workload(workload),
                    (None, Some(host)) => Callee::Service(host.clone()),
                    (None, None) => Callee::Outside,
                };
                self.outbound.entry((own.to_owned(), callee)).or_default()
            }
        };
        claimed.add(id, reported, seconds);
    }

    fn note(&mut self, service: Option<&String>, workload: &str) {
        if let Some(service) = service {
            self.behind.entry(service.clone()).or_default().insert(workload.to_owned());
        }
    }

    /// Calls to a Service that reached nobody belong to the only workload that is known behind it.
    fn find_reached(&mut self) {
        for ((caller, callee), claimed) in std::mem::take(&mut self.outbound) {
            let only = match &callee {
                Callee::Service(host) => self.behind.get(host).filter(|workloads| workloads.len() == 1),
                Callee::Outside | Callee::Workload(_) => None,
            };
            let callee = only.and_then(BTreeSet::first).cloned().map_or(callee, Callee::Workload);
            let known = self.outbound.entry((caller, callee)).or_default();
            known.merge(claimed);
        }
    }
}

impl Claimed {
    /// Adds what somebody else says of the same.
    pub fn merge(&mut self, other: Self) {
        let Self { claim, services, codes, rate } = other;
        self.claim.mtls += claim.mtls;
        self.claim.tls += claim.tls;
        self.claim.plaintext += claim.plaintext;
        self.claim.unreached += claim.unreached;
        self.claim.peers.extend(claim.peers);
        self.claim.own.extend(claim.own);
        self.services.extend(services);
        self.add_codes(&codes);
        self.rate += rate;
    }

    fn add_codes(&mut self, codes: &BTreeMap<u16, u64>) {
        for (code, count) in codes {
            let known = self.codes.entry(*code).or_default();
            *known = known.saturating_add(*count);
        }
    }
}

impl Callee {
    /// The name of its node.
    pub fn name(&self) -> String {
        match self {
            Self::Outside => "outside".to_owned(),
            Self::Service(host) => {
                service_of(host).map_or_else(|| host.clone(), |(name, namespace)| format!("{namespace}/{name}"))
            }
            Self::Workload(name) => name.clone(),
        }
    }
}
