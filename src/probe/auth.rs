//! The `auth` check: what `labctl auth check` shows of a workload's proxies, and that they work with it.

use k8s_openapi::api::core::v1::Pod;
use kube::core::ResourceExt;

use super::{
    ask::Prober,
    finding::Evidence,
    judge::Outcome,
    result::{CheckResult, Line},
    scene::Scene,
};
use crate::{
    cluster::{ClusterError, mesh::acknowledged::Acknowledged},
    lab::check::auth::{Auth, Calls, Listens},
    mesh::{
        explain::{
            auth::{self, AuthCheck, Destination, Listener, chains},
            report::Deciding,
        },
        mode::Mode,
        policy::Index,
    },
};

/// Looks at the proxies of all ready pods.
pub async fn check(prober: &Prober<'_>, scene: &Scene, check: &Auth) -> CheckResult {
    let lines = look(prober, scene, check).await.unwrap_or_else(|why| {
        vec![Line::broken(format!("proxies of {}", check.of.value), "what their control plane told them", why)]
    });
    CheckResult::of_lines("auth", &check.title, lines)
}

async fn look(prober: &Prober<'_>, scene: &Scene, check: &Auth) -> Result<Vec<Line>, String> {
    if !prober.witnessed {
        return Err("only labctl's control plane tells what its proxies work with; Istio's is not asked".to_owned());
    }
    let told = |error: ClusterError| error.to_string();
    let index = prober.cluster.mesh_index_of(prober.trust_domain).await.map_err(told)?;
    let mut lines = Vec::new();
    for pod in scene.ready(&check.of) {
        let found = proxy(&index, pod)?;
        let acknowledged = prober.cluster.acknowledged(&found).await.map_err(told)?;
        lines.extend(judge(check, &found, &acknowledged));
    }
    if lines.is_empty() { Err(format!("{} has no ready pod", check.of.value)) } else { Ok(lines) }
}

fn proxy(index: &Index, pod: &Pod) -> Result<AuthCheck, String> {
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    let id = index.find_workload(&namespace, &name).ok_or_else(|| format!("{name} is not in the mesh"))?;
    let found = auth::check(index, id);
    if found.sidecar { Ok(found) } else { Err(format!("{name} has no proxy: its application sees every byte")) }
}

/// From one proxy to the answers.
fn judge(check: &Auth, found: &AuthCheck, acknowledged: &Acknowledged) -> Vec<Line> {
    let mut lines = vec![in_sync(found, acknowledged)];
    lines.extend(check.listeners.iter().map(|wanted| listener(found, *wanted)));
    lines.extend(check.outbound.iter().map(|wanted| outbound(found, wanted)));
    lines
}

fn in_sync(found: &AuthCheck, acknowledged: &Acknowledged) -> Line {
    let subject = format!("configuration of {}", found.pod);
    let expected = "the proxy works with the newest";
    let version = &found.configuration;
    match acknowledged {
        Acknowledged::Yes => Line::new(subject, expected, format!("it works with {version}"), true),
        Acknowledged::No(Some(other)) => {
            Line::new(subject, expected, format!("it works with {other}, the newest is {version}"), false)
        }
        Acknowledged::No(None) => Line::new(subject, expected, "it has none yet", false),
        Acknowledged::Untold => {
            Line::broken(subject, expected, "the control plane has not published what it works with")
        }
    }
}

fn listener(found: &AuthCheck, wanted: Listens) -> Line {
    let port = wanted.port.map_or_else(|| "all other ports".to_owned(), |port| format!("port {port}"));
    let (subject, expected) = (format!("{port} of {}", found.pod), rows(wanted.mode));
    let Some(listener) = found.listeners.iter().find(|listener| listener.port == wanted.port) else {
        let named = found.listeners.iter().filter_map(|listener| listener.port).map(|port| port.to_string());
        let seen = format!("no listener of its own; there are {}", named.collect::<Vec<_>>().join(", "));
        return Line::new(subject, expected, seen, false);
    };
    let mut line = Line::new(subject, expected, rows(listener.mode), listener.mode == wanted.mode);
    line.evidence = vec![decided(listener)];
    line
}

/// The rows of a listener's table, one for each way in.
fn rows(mode: Option<Mode>) -> String {
    let Some(mode) = mode else { return "bypassed".to_owned() };
    let ways = chains(Some(mode));
    let several = ways.len() > 1;
    let row = |(place, way): (usize, &auth::FilterChain)| {
        let number = if several { format!("[{place}] ") } else { String::new() };
        format!("{number}{} ({mode})", if way.mtls { "yes" } else { "no" })
    };
    ways.iter().enumerate().map(row).collect::<Vec<_>>().join(", ")
}

fn decided(listener: &Listener) -> Evidence {
    evidence(listener.decided_by.as_ref(), listener.field.as_deref(), &listener.reasons)
}

/// Who decided, where in it, and why.
fn evidence(by: Option<&Deciding>, field: Option<&str>, reasons: &[String]) -> Evidence {
    let by = by.map_or_else(|| "a default".to_owned(), ToString::to_string);
    let source = field.map_or_else(|| by.clone(), |field| format!("{by} {field}"));
    Evidence::new(source, reasons.join("; "))
}

fn outbound(found: &AuthCheck, wanted: &Calls) -> Line {
    let subject = format!("{} calls {}", found.pod, wanted.to);
    let expected = wanted.mode.to_string();
    let ways: Vec<&Destination> = found.outbound.iter().filter(|way| is(way, wanted, &found.namespace)).collect();
    if ways.is_empty() {
        let mut line = Line::broken(subject, expected, "the proxy knows no such Service and port");
        line.outcome = Outcome::Fail;
        return line;
    }
    let mut modes: Vec<&str> = ways.iter().map(|way| way.mode.as_str()).collect();
    modes.dedup();
    let mut line = Line::new(subject, &expected, modes.join(", "), modes == [expected.as_str()]);
    line.evidence = ways.iter().map(|way| called(way)).collect();
    line
}

/// Whether a client in this namespace means this destination.
fn is(way: &Destination, wanted: &Calls, namespace: &str) -> bool {
    let typed = wanted.to.host.as_str();
    let whole = [typed.to_owned(), format!("{typed}.{namespace}")];
    let means = |name: &String| way.host == *name || way.host.strip_suffix(".svc.cluster.local") == Some(name.as_str());
    way.port == wanted.to.port && whole.iter().any(means)
}

fn called(way: &Destination) -> Evidence {
    let by = way.decided_by.as_ref().filter(|_| !way.auto);
    let mut evidence = evidence(by, way.field.as_deref(), &way.reasons);
    if way.auto {
        evidence.source = "auto mTLS".to_owned();
    }
    evidence
}
