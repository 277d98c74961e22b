//! The `edge` check: a request from outside of the cluster, through a Service's outside address.
//!
//! It is made by this process, with the curl that pods have. What stands first on the way says what it saw: the sidecar
//! of the pods behind the Service, or the gateway.

mod machine;

use futures::future::OptionFuture;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Api;
use tokio::time::Instant;

use super::{
    ask::{Prober, Question, REQUEST},
    curl::{Answer, Request},
    finding::{Evidence, Finding},
    interpret::{self, Exchange, Server, interpret},
    judge::{self, Outcome},
    result::{CheckResult, Line},
    scene::{self, Scene},
    shows,
    verdict::Expected,
    witness::{Sought, Source, told, witness},
};
use crate::{
    cluster::{Cluster, ClusterError, Patience, pods},
    lab::{
        check::edge::{Control, Edge},
        outside::{NamespacedName, Outside, Target},
    },
    sidecar::access_log::{AccessLog, Direction},
};
use machine::{Files, Machine};

/// Who asks, for evidence.
pub(super) const CALLER: &str = "the outside world";

/// Asks once.
pub async fn check(prober: &Prober<'_>, scene: &Scene, edge: &Edge) -> CheckResult {
    let subject = subject(&edge.request);
    let (finding, control) = tokio::join!(
        ask(prober, scene, &edge.request),
        OptionFuture::from(edge.control.as_ref().map(|control| self::control(prober, scene, &edge.request, control)))
    );
    let mut lines = Vec::new();
    lines.extend(edge.verdict.as_ref().map(|verdict| {
        let expected = Expected::Exactly(verdict.value.clone());
        judge::line(&subject, &expected, &finding, None, control.as_ref())
    }));
    lines.extend(shows::of_answer(&subject, &finding, &edge.shows, &edge.response, &edge.body));
    if let Some(judge::Control::Unreached(why)) = &control {
        for line in lines.iter_mut().filter(|line| line.outcome == Outcome::Pass) {
            *line = Line { outcome: Outcome::Error, why: Some(judge::proves_nothing(why)), ..line.clone() };
        }
    }
    lines.iter_mut().for_each(|line| line.evidence.clone_from(&finding.evidence));
    CheckResult::of_lines("edge", &edge.title, lines)
}

/// Makes a request from outside, and nothing of it but what curl saw.
///
/// # Errors
/// Nobody could ask.
pub async fn answer(cluster: &Cluster, request: &Outside) -> Result<Answer, ClusterError> {
    curl(cluster, request).await.map(|(_, answer, _)| answer)
}

/// What is asked for, and where.
pub fn subject(request: &Outside) -> String {
    let what = match &request.target {
        Target::Path(path) => path.clone(),
        Target::Url(url) => url.to_string(),
    };
    format!("{} {what} at {}", request.method, request.service)
}

/// Who is answered meanwhile.
async fn control(prober: &Prober<'_>, scene: &Scene, request: &Outside, control: &Control) -> judge::Control {
    match control {
        Control::Outside(other) => judge::Control::of(&subject(other), &ask(prober, scene, other).await),
        Control::Inside(from) => {
            let question = Question {
                from: from.value.clone(),
                container: prober.workloads[&from.value].container.clone(),
                to: None,
                request: from_inside(request),
            };
            let findings = prober.ask(scene, &[question]).await;
            judge::Control::of(&from.value.0, &findings[0])
        }
    }
}

/// The same request as somebody in the cluster makes it: by the Service's own name, for the same host.
fn from_inside(request: &Outside) -> Request {
    let NamespacedName { namespace, name } = &request.service;
    let mut headers = request.headers.clone();
    if let Target::Url(url) = &request.target
        && let Some(authority) = url.authority()
        && !headers.keys().any(|name| name.eq_ignore_ascii_case("host"))
    {
        headers.insert("Host".to_owned(), authority.to_string());
    }
    Request {
        url: format!("http://{name}.{namespace}:{}{}", request.target.port(), request.target.path()),
        method: request.method.clone(),
        headers,
        data: request.data.clone(),
    }
}

/// Asks once; that nobody could ask is a finding, too.
async fn ask(prober: &Prober<'_>, scene: &Scene, request: &Outside) -> Finding {
    match asked(prober, scene, request).await {
        Ok(finding) => finding,
        Err(error @ ClusterError::NoWayIn { .. }) => {
            Finding::broken(format!("{error}; {}", error.hint().unwrap_or_default()))
        }
        Err(error) => Finding::broken(error.to_string()),
    }
}

async fn asked(prober: &Prober<'_>, scene: &Scene, outside: &Outside) -> Result<Finding, ClusterError> {
    let began = Instant::now();
    let (request, answer, id) = curl(prober.cluster, outside).await?;
    let NamespacedName { namespace, name } = &outside.service;
    let behind = prober.cluster.pods_behind(&prober.cluster.service(namespace, name).await?).await?;
    let behind: Vec<Pod> = behind.into_iter().filter(pods::is_ready).collect();
    let is_gateway = !behind.is_empty() && behind.iter().all(pods::is_proxy);
    let direction = if is_gateway { Direction::Outbound } else { Direction::Inbound };
    let sought = Sought { direction, id, source: Source::Outside(scene.addresses()) };
    let word = word(prober, &answer, &behind, sought, began).await;
    let service = outside.service.to_string();
    let sidecars = Server {
        name: &service,
        ready: behind.len(),
        has_sidecar: !behind.is_empty() && behind.iter().all(|pod| scene::sidecar(pod).is_some()),
    };
    // A gateway's word is about the way behind it. Where no log is read, what curl saw is all there is: nobody was between.
    let is_heard = behind.is_empty() || (prober.witnessed && !is_gateway);
    let mut finding = interpret(&Exchange {
        request: &request,
        caller: CALLER,
        caller_has_sidecar: false,
        server: is_heard.then_some(sidecars),
        answer: &answer,
        at_caller: None,
        at_server: word.as_ref().filter(|_| !is_gateway),
        through_gateway: is_gateway,
        witnessed: prober.witnessed,
    });
    if let Some(line) = word.filter(|_| is_gateway) {
        finding.evidence.push(Evidence::new(format!("gateway {service}"), told(&line)));
        finding.cause = finding.cause.or(line.cause);
    }
    Ok(finding)
}

/// Makes the request: as it was asked, what came of it, and what it called itself.
async fn curl(cluster: &Cluster, outside: &Outside) -> Result<(Request, Answer, String), ClusterError> {
    let NamespacedName { namespace, name } = &outside.service;
    let port = outside.target.port();
    let edge = cluster.edge(namespace, name, &Patience::silent(REQUEST)).await?;
    let address = edge.address(port).ok_or_else(|| ClusterError::Request {
        doing: format!("ask Service {} from outside", outside.service),
        why: format!("it has no port {port}"),
        status: None,
    })?;
    let url = match &outside.target {
        Target::Path(path) => format!("http://{address}{path}"),
        Target::Url(url) => url.to_string(),
    };
    let (method, headers, data) = (outside.method.clone(), outside.headers.clone(), outside.data.clone());
    let request = Request { url, method, headers, data };
    let id = uuid::Uuid::new_v4().to_string();
    let mut arguments = request.command(&id, REQUEST).split_off(1);
    if let Target::Url(url) = &outside.target {
        let there = format!("{}:{port}:{address}", url.host().unwrap_or_default());
        arguments.extend(["--connect-to".to_owned(), there]);
    }
    let (files, options) = certificates(cluster, outside).await?;
    arguments.extend(options.into_iter().map(str::to_owned));
    let executed = Machine::run(crate::workloads::curl::program, files, arguments).await;
    Ok((request, Answer::read(&executed), id))
}

/// The certificates that curl is to know, as files, and the options that name them.
async fn certificates(cluster: &Cluster, outside: &Outside) -> Result<(Files, Vec<&'static str>), ClusterError> {
    const CA: &str = "ca.crt";
    const CERTIFICATE: &str = "tls.crt";
    const KEY: &str = "tls.key";
    let (mut files, mut options) = (Files::new(), Vec::new());
    if let Some(secret) = &outside.cacert {
        files.extend(of_secret(cluster, secret, &[CA]).await?);
        options.extend(["--cacert", CA]);
    }
    if let Some(secret) = &outside.cert {
        files.extend(of_secret(cluster, secret, &[CERTIFICATE, KEY]).await?);
        options.extend(["--cert", CERTIFICATE, "--key", KEY]);
    }
    Ok((files, options))
}

async fn of_secret(cluster: &Cluster, secret: &NamespacedName, keys: &[&str]) -> Result<Files, ClusterError> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client(), &secret.namespace);
    let doing = format!("read Secret {secret}");
    let mut data = secrets.get(&secret.name).await.map_err(ClusterError::request(&doing))?.data.unwrap_or_default();
    let file = |key: &&str| match data.remove(*key) {
        Some(bytes) => Ok((key.into(), bytes.0)),
        None => Err(ClusterError::Request { doing: doing.clone(), why: format!("it has no {key}"), status: None }),
    };
    keys.iter().map(file).collect()
}

/// What the first proxy on the way says about a request for which that matters.
async fn word(
    prober: &Prober<'_>,
    answer: &Answer,
    behind: &[Pod],
    sought: Sought,
    began: Instant,
) -> Option<AccessLog> {
    let proxies: Vec<_> = behind.iter().filter_map(scene::sidecar).collect();
    let (_, wanted) = interpret::wants(answer, false, !proxies.is_empty());
    if !wanted || !prober.witnessed {
        return None;
    }
    witness(prober.cluster, &proxies, &[sought], began).await.pop().flatten()
}
