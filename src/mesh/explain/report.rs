//! What manifests mean, as plain data: what servers accept, what clients do, and what both together come to.

use std::{collections::HashSet, hash::Hash};

use serde::Serialize;

use crate::mesh::{
    policy::{ClientSetting, Index, Prediction, ServiceId, Target, WorkloadId},
    resources::Metadata,
    snapshot::Role,
};

/// The explanation of a mesh. Its JSON form is versioned by `apiVersion`: fields are only ever added to a version.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `labctl/v1`.
    pub api_version: &'static str,
    /// `Explanation`.
    pub kind: &'static str,
    /// What every workload port accepts.
    pub servers: Vec<ServerPort>,
    /// What every client does towards every Service port.
    pub clients: Vec<ClientPort>,
    /// What every client sees that calls a Service port.
    pub verdicts: Vec<Pair>,
}

/// A resource, and where it was read.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deciding {
    /// Its kind.
    pub kind: String,
    /// Its namespace; absent if it is cluster-wide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// `file:line`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What one workload port accepts.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerPort {
    /// `name.namespace`.
    pub workload: String,
    /// The container port; absent for what is true of all others.
    pub port: Option<u16>,
    /// The mode; absent if no sidecar takes the port.
    pub mode: Option<String>,
    /// The resource that decided; absent if a default did.
    pub decided_by: Option<Deciding>,
    /// Why, from top to bottom.
    pub reasons: Vec<String>,
}

/// What one client does towards one Service port.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientPort {
    /// `name.namespace`.
    pub client: String,
    /// The full host name.
    pub host: String,
    /// The Service port.
    pub port: u16,
    /// The subset of the rule that this is about; absent for the Service as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset: Option<String>,
    /// The pods this is about, `name.namespace`; empty if there is none.
    pub endpoints: Vec<String>,
    /// How connections are secured; `DISABLE` is plaintext.
    pub mode: String,
    /// Whether auto mTLS decided.
    pub auto: bool,
    /// The server name sent.
    pub sni: Option<String>,
    /// Names of which one must be in the server's certificate.
    pub sans: Vec<String>,
    /// The rule that applies.
    pub rule: Option<Deciding>,
    /// Why, from top to bottom.
    pub reasons: Vec<String>,
}

/// What one client sees that calls one Service port.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// `name.namespace`.
    pub from: String,
    /// The full host name.
    pub host: String,
    /// The Service port.
    pub port: u16,
    /// The pods this is about, `name.namespace`; empty if there is none.
    pub endpoints: Vec<String>,
    /// What is seen, in the words of a probe: `mtls(<spiffe id>)`, `plaintext`, `reset`, `http(503)`, ...
    pub verdict: String,
    /// Response flags of the client's proxy; empty if all goes well.
    pub flags: String,
    /// The resources that decided.
    pub decided_by: Vec<Deciding>,
    /// Why, from the client to the server.
    pub reasons: Vec<String>,
}

impl From<&Metadata> for Deciding {
    fn from(metadata: &Metadata) -> Self {
        Self {
            kind: metadata.kind.to_string(),
            namespace: Some(metadata.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            name: metadata.name.clone(),
            source: metadata.source.as_ref().map(ToString::to_string),
        }
    }
}

impl std::fmt::Display for Deciding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)?;
        self.source.as_ref().map_or(Ok(()), |source| write!(f, " ({source})"))
    }
}

/// Explains a mesh.
pub fn explain(index: &Index) -> Explanation {
    Explanation {
        api_version: "labctl/v1",
        kind: "Explanation",
        servers: distinct(index.workloads().flat_map(|workload| server_ports(index, workload))),
        clients: distinct(pairs(index).flat_map(|(client, target)| client_ports(index, client, target))),
        verdicts: distinct(pairs(index).flat_map(|(client, target)| verdicts(index, client, target))),
    }
}

/// Workloads of different kinds may share a name: what is true of both is said once.
fn distinct<R: Clone + Eq + Hash>(rows: impl Iterator<Item = R>) -> Vec<R> {
    let mut seen = HashSet::new();
    rows.filter(|row| seen.insert(row.clone())).collect()
}

/// Adds endpoints to those of a row that says the same of them.
fn join(known: &mut Vec<String>, others: Vec<String>) {
    for other in others {
        if !known.contains(&other) {
            known.push(other);
        }
    }
}

/// Every client with every Service port that it can see.
fn pairs(index: &Index) -> impl Iterator<Item = (WorkloadId, Target<'static>)> {
    let ports = index.services().flat_map(|service| {
        index.service(service).ports.iter().map(move |port| Target { service, port: port.port, subset: None })
    });
    ports
        .flat_map(|target| index.workloads().map(move |client| (client, target)))
        .filter(|&(client, target)| index.service(target.service).visible_to(&index.workload(client).namespace))
}

fn server_ports(index: &Index, workload: WorkloadId) -> Vec<ServerPort> {
    let data = index.workload(workload);
    if data.role == Role::Gateway {
        return Vec::new();
    }
    index.inbound_ports(workload).into_iter().map(|port| server_port(index, workload, port)).collect()
}

fn server_port(index: &Index, workload: WorkloadId, port: u16) -> ServerPort {
    let decision = index.server_mode(workload, port);
    let nobody = || vec![format!("no sidecar takes port {port}: the application sees every byte")];
    ServerPort {
        workload: name(index, workload),
        port: Some(port),
        mode: decision.as_ref().map(|decision| decision.value.to_string()),
        decided_by: decision.as_ref().and_then(|decision| decision.by.as_ref()).map(Deciding::from),
        reasons: decision.map_or_else(nobody, |decision| decision.reasons),
    }
}

/// What a client does towards a Service port as a whole, and towards the subsets of the rule that applies.
fn client_ports(index: &Index, client: WorkloadId, target: Target<'_>) -> Vec<ClientPort> {
    let data = index.workload(client);
    let mut rows = settings(index, client, target);
    if let Some(rule) = index.select_rule(data, target.service).filter(|_| data.sidecar) {
        for subset in &index.rule(rule).subsets {
            rows.extend(settings(index, client, Target { subset: Some(&subset.name), ..target }));
        }
    }
    rows
}

/// The settings towards all endpoints; endpoints that are treated alike share a row.
fn settings(index: &Index, client: WorkloadId, target: Target<'_>) -> Vec<ClientPort> {
    let rows = alike(index, client, target).into_iter();
    rows.map(|(setting, endpoints)| ClientPort { endpoints, ..client_port(index, client, target, setting) }).collect()
}

/// What a client does towards a Service port, with the endpoints (`name.namespace`) that it treats so.
///
/// Without an endpoint, it is what it would do in general.
pub(super) fn alike(index: &Index, client: WorkloadId, target: Target<'_>) -> Vec<(ClientSetting, Vec<String>)> {
    let endpoints = index.target_endpoints(index.workload(client), target);
    let mut groups: Vec<(ClientSetting, Vec<String>)> = Vec::new();
    if endpoints.is_empty() {
        groups.push((index.client_setting(client, target, None), Vec::new()));
    }
    for endpoint in endpoints {
        let setting = index.client_setting(client, target, Some(endpoint));
        let who = vec![name(index, endpoint.workload)];
        match groups.iter_mut().find(|(known, _)| (known.mode, known.auto) == (setting.mode, setting.auto)) {
            Some((_, known)) => join(known, who),
            None => groups.push((setting, who)),
        }
    }
    groups
}

fn client_port(index: &Index, client: WorkloadId, target: Target<'_>, setting: ClientSetting) -> ClientPort {
    ClientPort {
        client: name(index, client),
        host: index.service(target.service).host.clone(),
        port: target.port,
        subset: target.subset.map(str::to_owned),
        endpoints: Vec::new(),
        mode: setting.mode.to_string(),
        auto: setting.auto,
        sni: setting.sni,
        sans: setting.sans,
        rule: setting.rule.as_ref().map(Deciding::from),
        reasons: setting.reasons,
    }
}

/// What a client sees; endpoints at which it sees the same share a row.
fn verdicts(index: &Index, client: WorkloadId, target: Target<'_>) -> Vec<Pair> {
    let service = index.service(target.service);
    let mut rows: Vec<Pair> = Vec::new();
    for prediction in index.predict(client, &service.host, target.port) {
        let row = pair(index, client, target.service, target.port, prediction);
        match rows.iter_mut().find(|known| (&known.verdict, &known.flags) == (&row.verdict, &row.flags)) {
            Some(known) => join(&mut known.endpoints, row.endpoints),
            None => rows.push(row),
        }
    }
    rows
}

fn pair(index: &Index, client: WorkloadId, service: ServiceId, port: u16, prediction: Prediction) -> Pair {
    Pair {
        from: name(index, client),
        host: index.service(service).host.clone(),
        port,
        endpoints: prediction.endpoint.map(|endpoint| name(index, endpoint)).into_iter().collect(),
        verdict: prediction.verdict.to_string(),
        flags: prediction.flags.to_owned(),
        decided_by: prediction.decided_by.iter().map(Deciding::from).collect(),
        reasons: prediction.reasons,
    }
}

/// `name.namespace`.
pub(super) fn name(index: &Index, workload: WorkloadId) -> String {
    let data = index.workload(workload);
    format!("{}.{}", data.name, data.namespace)
}
