//! The `graph` check: locks on the edges of the running mesh's graph, as `labctl graph` draws it.
//!
//! It makes no calls: those of the step's other checks, and of loops, are what it sees. Proxies count since they started;
//! what they said before the checks were asked is taken off.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use tokio::time::{Instant, sleep};

use super::{
    ask::Prober,
    finding::Evidence,
    judge::Outcome,
    result::{CheckResult, Line},
    scene::{self, Scene},
};
use crate::{
    lab::check::graph::{Edge, Graph as Check, Lock, Node},
    mesh::{
        graph::{Claim, Evidence as Ends, Graph, Security, UNKNOWN},
        inject::workload_name,
        install::{INGRESS_GATEWAY, ROOT_NAMESPACE},
    },
};

/// How long a proxy may take to count what its client has been answered already.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);

/// The graph as it is now.
///
/// # Errors
/// Says why there is none.
pub async fn look(prober: &Prober<'_>) -> Result<Graph, String> {
    if !prober.witnessed {
        return Err("the graph is what labctl's sidecars have counted; Istio's are not asked".to_owned());
    }
    prober.cluster.mesh_graph().await.map_err(|error| error.to_string())
}

/// Looks at what has come to the edges since an earlier look; again for a moment while a call is missing.
pub async fn check(prober: &Prober<'_>, scene: &Scene, check: &Check, before: Result<&Graph, &str>) -> CheckResult {
    let until = Instant::now() + PATIENCE;
    let lines = loop {
        let lines: Vec<Line> = match (before, look(prober).await) {
            (Ok(before), Ok(now)) => check.edges.iter().map(|it| edge(it, scene, before, &now)).collect(),
            (Err(why), _) => break broken(check, why),
            (_, Err(why)) => broken(check, &why),
        };
        if lines.iter().all(|line| line.outcome != Outcome::Error) || Instant::now() >= until {
            break lines;
        }
        sleep(PAUSE).await;
    };
    CheckResult::of_lines("graph", &check.title, lines)
}

fn broken(check: &Check, why: &str) -> Vec<Line> {
    check.edges.iter().map(|edge| Line::broken(subject(edge), word(edge.lock), why)).collect()
}

fn subject(edge: &Edge) -> String {
    format!("{} -> {}", edge.from, edge.to)
}

/// The word that `labctl graph` has for it.
fn word(lock: Lock) -> &'static str {
    right(lock).word()
}

/// What has come to one edge.
struct News<'a> {
    from: &'a str,
    to: &'a str,
    ends: Ends,
}

/// What is new between two ends, whichever of their workloads it is.
fn edge(edge: &Edge, scene: &Scene, before: &Graph, now: &Graph) -> Line {
    let (sources, destinations) = (names(&edge.from, scene), names(&edge.to, scene));
    let pairs = sources.iter().flat_map(|from| destinations.iter().map(move |to| (from, to)));
    let news: Vec<News<'_>> =
        pairs.filter_map(|(from, to)| Some(News { from, to, ends: now.since(before, from, to)? })).collect();
    let mut line = match worst(edge.lock, &news) {
        Some(security) => seen(edge, security),
        None => Line::broken(subject(edge), word(edge.lock), unseen(edge, scene)),
    };
    line.evidence = news.iter().flat_map(told).collect();
    line
}

/// What is said of all of them together: of the first that is not as expected, else of any.
fn worst(lock: Lock, news: &[News<'_>]) -> Option<Security> {
    let all = || news.iter().map(|it| it.ends.security());
    all().find(|security| *security != right(lock)).or_else(|| all().next())
}

fn right(lock: Lock) -> Security {
    match lock {
        Lock::Closed => Security::Mtls,
        Lock::Open => Security::Plaintext,
    }
}

fn seen(edge: &Edge, security: Security) -> Line {
    let mut line = Line::new(subject(edge), word(edge.lock), security.word(), security == right(edge.lock));
    if security == Security::Unconfirmed && edge.lock == Lock::Closed {
        line.outcome = Outcome::Error;
        line.why = Some("only one end says so".to_owned());
    }
    line
}

/// Why there is nothing to see.
fn unseen(edge: &Edge, scene: &Scene) -> String {
    let without_proxy = |node: &Node| match node {
        Node::Workload(name) => !scene.ready(name).any(|pod| scene::sidecar(pod).is_some()),
        Node::Gateway | Node::Unknown => false,
    };
    match without_proxy(&edge.from) {
        true => format!("{} has no proxy, so nobody knows its calls: they are of `{UNKNOWN}`", edge.from),
        false => "no call was counted since the step was solved: another check, or a loop, must make one".to_owned(),
    }
}

/// The nodes of the graph that are meant.
fn names(node: &Node, scene: &Scene) -> BTreeSet<String> {
    match node {
        Node::Gateway => [format!("{ROOT_NAMESPACE}/{INGRESS_GATEWAY}")].into(),
        Node::Unknown => [UNKNOWN.to_owned()].into(),
        Node::Workload(name) => scene.ready(name).map(node_of).collect(),
    }
}

fn node_of(pod: &Pod) -> String {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let value = serde_json::to_value(pod).expect("it was read from JSON");
    format!("{namespace}/{}", workload_name(&value, ""))
}

/// What each end says.
fn told(news: &News<'_>) -> Vec<Evidence> {
    let ends = [(news.from, &news.ends.source), (news.to, &news.ends.destination)];
    let said = |(who, claim): (&str, &Option<Claim>)| {
        claim.as_ref().map(|claim| Evidence::new(format!("proxies of {who}"), counts(claim)))
    };
    ends.into_iter().filter_map(said).collect()
}

fn counts(claim: &Claim) -> String {
    let kinds = [("mutual TLS", claim.mtls), ("TLS", claim.tls), ("plaintext", claim.plaintext)];
    let calls = kinds.iter().filter(|(_, amount)| amount.total.calls() > 0);
    let mut parts: Vec<String> = calls.map(|(how, amount)| format!("{} in {how}", amount.total.calls())).collect();
    let all = claim.all().total;
    let others = [(claim.unreached.total.calls(), "that reached nobody"), (all.refused, "refused")];
    parts.extend(others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    let peers: Vec<String> = claim.peers.iter().map(ToString::to_string).collect();
    let peers = if peers.is_empty() { String::new() } else { format!("; the other end is {}", peers.join(", ")) };
    format!("{}{peers}", if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") })
}
