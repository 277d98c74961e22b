//! Joins what callers and called say into edges.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Amount, Edge, Evidence, Graph, Node, NodeKind, UNKNOWN,
    claims::{Callee, Claimed, Claims},
};
use crate::{
    mesh::{
        distribute::{Pod, PodName},
        gather::Gathered,
        identity::SpiffeId,
    },
    sidecar::telemetry::report::Counts,
};

/// Draws the graph of what the proxies of these pods told.
pub fn graph(pods: &BTreeMap<PodName, Pod>, gathered: &Gathered, at: Timestamp) -> Graph {
    let claims = Claims::new(pods, gathered);
    let mut building = Building::default();
    let mut inbound = Inbound::new(&claims);
    for ((caller, callee), claimed) in &claims.outbound {
        building.name(caller, NodeKind::Workload);
        building.name(&callee.name(), kind(callee));
        let heard = match callee {
            Callee::Workload(workload) => inbound.about(&claims, caller, workload, claimed),
            Callee::Outside | Callee::Service(_) => None,
        };
        building.edges.push(edge(caller, &callee.name(), Some(claimed), heard));
    }
    for ((called, peer, workload), claimed) in inbound.rest {
        let (caller, kind) = match (workload, peer) {
            (Some(workload), _) => (workload, NodeKind::Workload),
            (None, Some(peer)) => (format!("{}/sa/{}", peer.namespace, peer.service_account), NodeKind::Identity),
            (None, None) => (UNKNOWN.to_owned(), NodeKind::Unknown),
        };
        building.name(&caller, kind);
        building.name(&called, NodeKind::Workload);
        building.edges.push(edge(&caller, &called, None, Some(claimed)));
    }
    building.finish(&claims, gathered, at)
}

fn kind(callee: &Callee) -> NodeKind {
    match callee {
        Callee::Outside => NodeKind::Outside,
        Callee::Service(_) => NodeKind::Service,
        Callee::Workload(_) => NodeKind::Workload,
    }
}

#[derive(Default)]
struct Building {
    nodes: BTreeMap<String, NodeKind>,
    edges: Vec<Edge>,
}

impl Building {
    fn name(&mut self, name: &str, kind: NodeKind) {
        self.nodes.entry(name.to_owned()).or_insert(kind);
    }

    fn finish(self, claims: &Claims, gathered: &Gathered, at: Timestamp) -> Graph {
        let node = |(name, kind): (String, NodeKind)| {
            let namespace = name.split_once('/').map(|(namespace, _)| namespace.to_owned());
            Node { kind, namespace, proxied: claims.workloads.contains(&name), name }
        };
        let mut edges = self.edges;
        edges.sort_by(|one, other| (&one.source, &one.destination).cmp(&(&other.source, &other.destination)));
        let silent = gathered.silent.iter().map(ToString::to_string).collect();
        Graph { at, nodes: self.nodes.into_iter().map(node).collect(), edges, silent }
    }
}

/// What the called say, less what callers have said as well.
struct Inbound {
    rest: BTreeMap<(String, Option<SpiffeId>, Option<String>), Claimed>,
}

impl Inbound {
    fn new(claims: &Claims) -> Self {
        let mut rest = claims.inbound.clone();
        for ((called, peer, _), claimed) in &mut rest {
            if peer.is_none() {
                let explained = explained(claims, called);
                let plaintext = claimed.claim.plaintext;
                claimed.claim.plaintext = unexplained(plaintext, explained);
                // Handshakes that came to nothing explain what is left of those that were refused.
                let left = refused(explained).since(refused(plaintext));
                claimed.claim.tls = unexplained(claimed.claim.tls, left);
            }
        }
        rest.retain(|_, claimed| !claimed.claim.all().total.is_empty());
        Self { rest }
    }

    /// What `called` says of the calls that `caller` says it made, and nobody else can have.
    fn about(&mut self, claims: &Claims, caller: &str, called: &str, claimed: &Claimed) -> Option<Claimed> {
        let mut heard: Option<Claimed> = None;
        for (key, found) in &claims.inbound {
            let (of, peer, workload) = key;
            let fits = workload.as_ref().is_none_or(|workload| workload == caller);
            let known = match peer {
                Some(peer) => claimed.claim.own.contains(peer) && !claimed.claim.mtls.total.is_empty(),
                None => !claimed.claim.plaintext.total.is_empty() || was_refused(claimed, found),
            };
            if of == called && fits && known {
                heard.get_or_insert_default().merge(found.clone());
                if peer.is_some() {
                    self.rest.remove(key);
                }
            }
        }
        heard
    }
}

/// Whether the caller got no answer where somebody was not let in.
fn was_refused(caller: &Claimed, heard: &Claimed) -> bool {
    !caller.claim.unreached.total.is_empty() && heard.claim.all().total.refused > 0
}

/// What `called` has to say if the only plaintext is that of callers who say so themselves.
fn explained(claims: &Claims, called: &str) -> Amount {
    let to = Callee::Workload(called.to_owned());
    let of = claims.outbound.iter().filter(|((_, callee), _)| *callee == to);
    let mut sum = Amount::default();
    for (_, Claimed { claim, .. }) in of {
        let seen = |sent: Counts, lost: Counts| Counts {
            connections: sent.connections.saturating_sub(sent.failed),
            refused: sent.failed.saturating_add(lost.calls()),
            ..sent
        };
        sum += Amount {
            total: seen(claim.plaintext.total, claim.unreached.total),
            recent: seen(claim.plaintext.recent, claim.unreached.recent),
        };
    }
    sum
}

/// What came from nobody who says so. Proxies are not asked at the same instant, so a few more at one end mean nothing.
fn unexplained(heard: Amount, explained: Amount) -> Amount {
    const SKEW: u64 = 20;
    let rest = heard.since(explained);
    let known = explained.total.calls();
    let slight = known > 0 && rest.total.calls() <= 2.max(known / SKEW);
    if slight { refused(rest) } else { rest }
}

/// Nothing but the connections that were not let in.
fn refused(amount: Amount) -> Amount {
    let only = |counts: Counts| Counts { refused: counts.refused, ..Counts::default() };
    Amount { total: only(amount.total), recent: only(amount.recent) }
}

fn edge(source: &str, destination: &str, sent: Option<&Claimed>, heard: Option<Claimed>) -> Edge {
    let main = sent.or(heard.as_ref()).cloned().unwrap_or_default();
    let all = main.claim.all();
    let services: BTreeSet<String> =
        main.services.iter().chain(heard.iter().flat_map(|it| &it.services)).cloned().collect();
    let evidence = Evidence { source: sent.map(|it| it.claim.clone()), destination: heard.map(|it| it.claim) };
    Edge {
        source: source.to_owned(),
        destination: destination.to_owned(),
        services: services.into_iter().collect(),
        security: evidence.security(),
        mtls_share: main.claim.mtls_share(),
        rate: main.rate,
        total: all.total,
        recent: all.recent,
        codes: main.codes,
        evidence,
    }
}
