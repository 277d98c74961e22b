//! The `certificate` check: what a server, or the sidecar in front of it, presents to whoever connects.
//!
//! The question is a command that a trainee could type: `openssl s_client`, run in a pod of the cluster. It offers the
//! mesh's own protocol, because a sidecar that takes both shows its certificate to nobody else.

pub mod chain;

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{Api, core::ResourceExt};

use self::chain::{Chain, Said};
use super::{
    ask::Prober,
    finding::Evidence,
    result::{CheckResult, Line},
    scene::{self, Scene},
};
use crate::{
    cluster::{
        ClusterError,
        exec::{ContainerRef, Executed},
        mesh_status::ROOT_NAMESPACE,
        pods,
    },
    lab::check::certificate::Certificate,
    mesh::control_plane::trust::{CONFIG_MAP, KEY},
};

/// How long connecting, the handshake and the exec session around them may take.
const SESSION: Duration = Duration::from_secs(15);
/// Where a pod without a Service port is asked: its sidecar answers on any.
const ANY_PORT: u16 = 80;

/// Looks at the certificate of every ready pod.
pub async fn check(prober: &Prober<'_>, scene: &Scene, check: &Certificate) -> CheckResult {
    let lines = match ask_all(prober, scene, check).await {
        Ok(lines) => lines,
        Err(why) => vec![Line::broken(format!("certificate of {}", check.of.value), "a certificate", why)],
    };
    CheckResult::of_lines("certificate", &check.title, lines)
}

async fn ask_all(prober: &Prober<'_>, scene: &Scene, check: &Certificate) -> Result<Vec<Line>, String> {
    let asker = asker(scene, check)?;
    let roots = roots(prober).await.map_err(|error| error.to_string())?;
    let servers: Vec<&Pod> = scene.ready(&check.of).collect();
    if servers.is_empty() {
        return Err(format!("{} has no ready pod", check.of.value));
    }
    let asked = servers.iter().map(|pod| ask(prober, scene, check, &asker, pod, &roots));
    Ok(join_all(asked).await.into_iter().flatten().collect())
}

/// The container from which a connection goes out as it is.
fn asker(scene: &Scene, check: &Certificate) -> Result<ContainerRef, String> {
    let pod = scene.caller(&check.from)?;
    Ok(scene::sidecar(pod).unwrap_or_else(|| {
        let first = pod.spec.iter().flat_map(|spec| &spec.containers).next();
        scene::container(pod, first.map_or("", |container| &container.name))
    }))
}

/// The roots that every pod of the mesh believes.
async fn roots(prober: &Prober<'_>) -> Result<String, ClusterError> {
    let maps: Api<ConfigMap> = Api::namespaced(prober.cluster.client(), ROOT_NAMESPACE);
    let doing = format!("read the mesh's root from ConfigMap {ROOT_NAMESPACE}/{CONFIG_MAP}");
    let map = maps.get(CONFIG_MAP).await.map_err(ClusterError::request(&doing))?;
    let root = map.data.and_then(|mut data| data.remove(KEY));
    root.ok_or_else(|| ClusterError::Request { doing, why: format!("it has no {KEY}"), status: None })
}

async fn ask(
    prober: &Prober<'_>,
    scene: &Scene,
    check: &Certificate,
    asker: &ContainerRef,
    pod: &Pod,
    roots: &str,
) -> Vec<Line> {
    let subject = format!("certificate of {}", pods::name(pod));
    let broken = |why: String| vec![Line::broken(&subject, "a certificate", why)];
    let port = match &prober.workloads[&check.of.value].service {
        Some(endpoint) => prober.target_port(&pod.namespace().unwrap_or_default(), endpoint, pod).await,
        None => Ok(ANY_PORT),
    };
    let (port, address) = match (port, pods::address(pod)) {
        (Ok(port), Some(address)) => (port, address),
        (Err(error), _) => return broken(error.to_string()),
        (_, None) => return broken("the pod has no address".to_owned()),
    };
    let target = format!("{address}:{port}");
    let command = ["openssl", "s_client", "-alpn", "istio", "-showcerts", "-connect", &target];
    let executed = prober.cluster.exec(asker, &command.map(str::to_owned), SESSION).await;
    let executed = match executed {
        Ok(executed) => executed,
        Err(error) => return broken(error.to_string()),
    };
    let expected = check.identity.clone().unwrap_or_else(|| scene.identity(pod)).to_string();
    let mut lines = judge(&subject, check, &expected, &executed, roots, Timestamp::now());
    let told = Evidence::new(format!("openssl in {asker}"), told(&executed, &target));
    lines.iter_mut().for_each(|line| line.evidence.insert(0, told.clone()));
    lines
}

/// What the command found out, in one line.
fn told(executed: &Executed, target: &str) -> String {
    let said = executed.stderr.lines().next().unwrap_or_default();
    match executed.code {
        0 => format!("connected to {target}"),
        code if said.is_empty() => format!("connected to {target}, exit code {code}"),
        code => format!("{said} (exit code {code})"),
    }
}

/// From what the command printed to the answers. A server that was not even reached is an error, and no answer.
fn judge(
    subject: &str,
    check: &Certificate,
    identity: &str,
    executed: &Executed,
    roots: &str,
    now: Timestamp,
) -> Vec<Line> {
    if !executed.stdout.contains("CONNECTED") {
        return vec![Line::broken(subject, "a certificate", told(executed, "the pod"))];
    }
    let (chain, said) = match Chain::read(&executed.stdout).and_then(|chain| Ok((chain.said()?, chain))) {
        Ok((said, chain)) => (chain, said),
        Err(error) => {
            let mut line = Line::new(subject, identity, "none", false);
            line.why = Some(error.to_string());
            return vec![line];
        }
    };
    let mut lines = vec![
        whose(subject, identity, &said),
        signed(subject, &chain, &said, roots, now),
        valid(subject, check, &said, now),
    ];
    lines.extend(check.key.map(|wanted| {
        let wanted = wanted.to_string();
        Line::new(format!("{subject}: key"), &wanted, &said.key, wanted == said.key)
    }));
    let fingerprint =
        Evidence::new("the certificate", format!("SHA-256 {}, issued by {}", said.peer.hash, said.issuer));
    lines[0].evidence.push(fingerprint);
    lines
}

fn whose(subject: &str, identity: &str, said: &Said) -> Line {
    let names: Vec<&str> = said.peer.uris.iter().chain(&said.peer.dns).map(String::as_str).collect();
    let seen = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
    Line::new(format!("{subject}: identity"), identity, seen, said.peer.uris == [identity])
}

fn signed(subject: &str, chain: &Chain, said: &Said, roots: &str, now: Timestamp) -> Line {
    // Whether it is good now is another question.
    let verified = chain.verify(roots, now.max(said.not_before).min(said.not_after));
    let seen = if verified.is_ok() { "leads to the mesh's root" } else { "does not lead to the mesh's root" };
    let mut line = Line::new(format!("{subject}: chain"), "leads to the mesh's root", seen, verified.is_ok());
    line.why = verified.err();
    line
}

fn valid(subject: &str, check: &Certificate, said: &Said, now: Timestamp) -> Line {
    let left = said.not_after.duration_since(now);
    let is_valid = said.not_before <= now && left.is_positive();
    let is_short = check.lifetime.is_none_or(|most| Duration::try_from(left).is_ok_and(|left| left <= most));
    let expected = match check.lifetime {
        Some(most) => {
            format!("valid now, and for {} at most", whole(most.try_into().unwrap_or(jiff::SignedDuration::MAX)))
        }
        None => "valid now".to_owned(),
    };
    let seen = format!("valid from {} to {}", said.not_before, said.not_after);
    let seen = if is_valid { format!("{seen}: {} left", whole(left)) } else { seen };
    Line::new(format!("{subject}: lifetime"), expected, seen, is_valid && is_short)
}

/// A time in the two largest units that it has.
fn whole(duration: jiff::SignedDuration) -> String {
    let (hours, minutes, seconds) = (duration.as_hours(), duration.as_mins() % 60, duration.as_secs() % 60);
    match (hours, minutes, seconds) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, 0, _) => format!("{hours}h"),
        (hours, minutes, _) => format!("{hours}h{minutes}m"),
    }
}

#[cfg(test)]
mod tests;
