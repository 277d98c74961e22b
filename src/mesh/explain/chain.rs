//! Why one client sees what it sees of one server, link by link, and which resource decides.
//!
//! Whether a resource decides is tried out: without it, would the client see something else?

use serde::Serialize;

use super::{
    manifest::{self, File},
    report::{Deciding, name},
};
use crate::mesh::{
    inject::Decision,
    policy::{ClientSetting, Endpoint, Index, Prediction, Reached, Request, ServiceId, Target, WorkloadId},
    resources::{ClientTlsMode, Metadata},
    validate::Path,
};

/// Whom a client calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Call {
    /// Who calls.
    pub client: WorkloadId,
    /// The Service.
    pub service: ServiceId,
    /// The Service port.
    pub port: u16,
}

/// What one client sees of one server, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// `name.namespace`.
    pub from: String,
    /// The full host name.
    pub host: String,
    /// The Service port.
    pub port: u16,
    /// The pod that answers, `name.namespace`; absent if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// From the client to the server, then the certificates.
    pub links: Vec<Link>,
    /// What is seen, in the words of a probe.
    pub verdict: String,
    /// Response flags of the client's proxy; empty if all goes well.
    pub flags: String,
    /// What makes it so: without any of these something else would be seen. Empty if only defaults are in force.
    pub decided_by: Vec<Place>,
}

/// One link of a chain.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// What it is about.
    pub about: About,
    /// Sentences that a trainee can follow from top to bottom.
    pub says: Vec<String>,
}

/// What a link is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum About {
    /// Whether client and server have sidecars.
    Sidecars,
    /// What the server accepts, by PeerAuthentication.
    Policy,
    /// Whether the port is an exception.
    Port,
    /// What the client does, by DestinationRule or auto mTLS.
    Rule,
    /// Who shows which certificate, and who verifies it.
    Certificates,
}

/// A resource and the field in it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The resource.
    pub resource: Deciding,
    /// `spec.mtls.mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// `file:line` of the field, if it was read from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Sidecars => "sidecars",
            Self::Policy => "policy",
            Self::Port => "port",
            Self::Rule => "rule",
            Self::Certificates => "certificates",
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { resource, field, line } = self;
        let plain = Deciding { source: None, ..resource.clone() };
        write!(f, "{plain}")?;
        field.iter().try_for_each(|field| write!(f, " {field}"))?;
        line.iter().try_for_each(|line| write!(f, " ({line})"))
    }
}

/// Explains a call: a chain for each thing that may be seen. `files` are those that the mesh was read from, if it was.
pub fn explain(index: &Index, call: Call, files: &[File]) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    for prediction in predict(index, call) {
        let seen = (prediction.verdict.to_string(), prediction.flags);
        if chains.iter().all(|known| (known.verdict.clone(), known.flags.as_str()) != (seen.0.clone(), seen.1)) {
            chains.push(chain(index, call, &prediction, files));
        }
    }
    chains
}

fn predict(index: &Index, call: Call) -> Vec<Prediction> {
    let host = &index.service(call.service).host;
    index.reach(&Request::new(call.client, Reached::Host { name: host, port: call.port }))
}

fn chain(index: &Index, call: Call, prediction: &Prediction, files: &[File]) -> Chain {
    let service = index.service(call.service);
    let target = Target { service: call.service, port: call.port, subset: None };
    let endpoint = prediction.endpoint.and_then(|workload| {
        let port = index.service_port(target)?;
        Some(Endpoint { workload, port: service.target(port, index.workload(workload))? })
    });
    let setting = index.client_setting(call.client, target, endpoint);
    let mut links = vec![sidecars(index, call.client, endpoint)];
    links.extend(endpoint.into_iter().flat_map(|endpoint| [policy(index, endpoint), port(index, endpoint)]));
    links.push(Link { about: About::Rule, says: setting.reasons.clone() });
    links.push(certificates(index, call.client, endpoint, &setting));
    if links.iter().all(|link| link.about != About::Policy) {
        links.push(Link { about: About::Policy, says: prediction.reasons.clone() });
    }
    Chain {
        from: name(index, call.client),
        host: service.host.clone(),
        port: call.port,
        endpoint: endpoint.map(|endpoint| name(index, endpoint.workload)),
        links,
        verdict: prediction.verdict.to_string(),
        flags: prediction.flags.to_owned(),
        decided_by: deciders(index, call, endpoint, &setting, prediction, files),
    }
}

fn sidecars(index: &Index, client: WorkloadId, endpoint: Option<Endpoint>) -> Link {
    let mut says = vec![sidecar(index, client)];
    says.extend(endpoint.map(|endpoint| sidecar(index, endpoint.workload)).filter(|text| !says.contains(text)));
    Link { about: About::Sidecars, says }
}

fn sidecar(index: &Index, id: WorkloadId) -> String {
    let workload = index.workload(id);
    let name = name(index, id);
    match (workload.sidecar, workload.injection) {
        (true, _) => format!("{name} has a sidecar"),
        (false, Some(Decision::Inject)) => {
            format!("{name} has no sidecar: it was made before its namespace asked for one, and needs a restart")
        }
        (false, Some(Decision::Leave(reason))) => format!("{name} has no sidecar: {reason}"),
        (false, None) => format!("{name} has no sidecar"),
    }
}

fn policy(index: &Index, endpoint: Endpoint) -> Link {
    let says = match index.server_mode(endpoint.workload, endpoint.port) {
        None => vec![format!("no sidecar takes port {}: its application sees every byte", endpoint.port)],
        Some(decision) => {
            let mut says = decision.reasons;
            let mut wider =
                index.peer_authentications(endpoint.workload).skip_while(|it| Some(*it) != decision.by.as_ref());
            wider.next();
            says.extend(wider.map(|metadata| format!("{metadata} is wider, and does not count")));
            says
        }
    };
    Link { about: About::Policy, says }
}

fn port(index: &Index, endpoint: Endpoint) -> Link {
    let Endpoint { workload, port } = endpoint;
    let data = index.workload(workload);
    let decision = index.server_mode(workload, port);
    let excepted = decision.as_ref().and_then(|decision| decision.field.as_ref()).is_some_and(is_port_entry);
    let says = match (&decision, excepted) {
        (None, _) if data.sidecar => format!("port {port} bypasses the sidecar, by an annotation of the pod"),
        (None, _) => format!("port {port} has no mode of its own: nobody could enforce it"),
        (Some(decision), true) => format!("port {port} is an exception: {}", decision.value),
        (Some(decision), false) => format!("port {port} is no exception: {}", decision.value),
    };
    Link { about: About::Port, says: vec![says] }
}

fn is_port_entry(field: &Path) -> bool {
    field.to_string().starts_with("spec.portLevelMtls.")
}

fn certificates(index: &Index, client: WorkloadId, endpoint: Option<Endpoint>, setting: &ClientSetting) -> Link {
    let data = index.workload(client);
    let identity = |id: WorkloadId| {
        let workload = index.workload(id);
        index.settings().identity(&workload.namespace, &workload.service_account)
    };
    let mut says = Vec::new();
    match setting.mode {
        _ if !data.sidecar => says.push("the client shows none: it has no sidecar to show one".to_owned()),
        ClientTlsMode::Disable => says.push("the client shows none: its sidecar sends plaintext".to_owned()),
        ClientTlsMode::IstioMutual => says.push(format!("the client shows {}", identity(client))),
        ClientTlsMode::Mutual => says.push("the client shows one of the rule's own, not the mesh's".to_owned()),
        ClientTlsMode::Simple => says.push("the client shows none: it only verifies the server".to_owned()),
    }
    if data.sidecar && setting.mode != ClientTlsMode::Disable {
        says.extend(
            endpoint
                .filter(|endpoint| index.workload(endpoint.workload).sidecar)
                .map(|endpoint| format!("the server shows {}", identity(endpoint.workload))),
        );
        says.push(match setting.sans.as_slice() {
            [] => "the client accepts any name".to_owned(),
            names => format!("the client accepts {}", names.join(", ")),
        });
    }
    Link { about: About::Certificates, says }
}

/// The resources in force without which something else would be seen; all of them if it takes more than one away.
fn deciders(
    index: &Index,
    call: Call,
    endpoint: Option<Endpoint>,
    setting: &ClientSetting,
    prediction: &Prediction,
    files: &[File],
) -> Vec<Place> {
    let server = endpoint.and_then(|endpoint| index.server_mode(endpoint.workload, endpoint.port));
    let server = server.and_then(|decision| Some((decision.by?, decision.field)));
    // A rule that says nothing of TLS is in force and yet decides nothing here.
    let rule = setting.rule.clone().filter(|_| !setting.auto).map(|rule| (rule, setting.field.clone()));
    let in_force: Vec<(Metadata, Option<Path>)> = server.into_iter().chain(rule).collect();
    let decides = |(metadata, _): &&(Metadata, Option<Path>)| {
        let mut snapshot = index.snapshot().clone();
        snapshot.forget(metadata);
        let without = predict(&Index::new(snapshot), call);
        without.iter().all(|other| (&other.verdict, other.flags) != (&prediction.verdict, prediction.flags))
    };
    let deciding: Vec<_> = in_force.iter().filter(decides).collect();
    let told: Vec<_> = if deciding.is_empty() { in_force.iter().collect() } else { deciding };
    told.into_iter().map(|(metadata, field)| place(metadata, field.as_ref(), files)).collect()
}

fn place(metadata: &Metadata, field: Option<&Path>, files: &[File]) -> Place {
    let line = metadata.source.as_ref().map(|source| {
        let line = field.and_then(|field| manifest::line_of(files, source, field)).unwrap_or(source.line);
        format!("{}:{line}", source.file)
    });
    Place { resource: Deciding::from(metadata), field: field.map(ToString::to_string), line }
}
