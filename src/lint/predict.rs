//! What a check will see, told from the objects of a world. Where that cannot be told, the answer is `None`.

use std::collections::BTreeMap;

use super::world::{World, proxy_of};
use crate::{
    lab::{
        check::{Count, Http, Resource, Which},
        model::{Endpoint, Workload},
    },
    mesh::{
        identity::SpiffeId,
        inject::PROXY_CONTAINER,
        policy::{self, Index, Reached, Request, ServiceId, WorkloadId, full_host},
        snapshot::{self, Role},
    },
    probe::{
        assertion,
        verdict::{Expected, Verdict},
    },
};

/// What one caller will see of one server, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// What is seen.
    pub verdict: Verdict,
    /// Who asks.
    pub caller: SpiffeId,
    /// From the client to the server.
    pub reasons: Vec<String>,
}

/// Who asks whom.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The asking workload.
    pub from: &'a Workload,
    /// The container that asks.
    pub container: &'a str,
    /// The host, as the client types it.
    pub host: &'a str,
    /// The Service port.
    pub port: u16,
}

impl<'a> Question<'a> {
    /// From a workload's own container to where another one is reached.
    pub fn new(from: &'a Workload, container: &'a str, to: &'a Endpoint) -> Self {
        Self { from, container, host: &to.host, port: to.port }
    }

    /// The question of an `http` or `wire` check; `None` if it is more than a plain request to a name.
    pub fn of(from: &'a Workload, check: &'a Http) -> Option<Self> {
        let rest = check.url.strip_prefix("http://")?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, 80),
        };
        let routed = check.headers.keys().any(|name| name.eq_ignore_ascii_case("host"));
        (!routed).then_some(Self { from, container: &check.container, host, port })
    }

    /// What is seen.
    pub fn ask(&self, world: &World) -> Option<Seen> {
        let index = world.index()?;
        let mut clients = members(index, self.from);
        if self.container == PROXY_CONTAINER {
            for client in &mut clients {
                let pod = index.workload(*client);
                *client = index.find_workload(&pod.namespace, &proxy_of(&pod.name))?;
            }
        }
        let mut seen = clients.into_iter().map(|client| self.ask_from(index, client));
        let first = seen.next()??;
        seen.all(|other| {
            other.is_some_and(|other| (other.verdict, other.caller) == (first.verdict.clone(), first.caller.clone()))
        })
        .then_some(first)
    }

    fn ask_from(&self, index: &Index, client: WorkloadId) -> Option<Seen> {
        let pod = index.workload(client);
        let service = index.find_service(&pod.namespace, self.host);
        if service.is_some_and(|service| is_elsewhere(index, service) || is_routed(index, client, service)) {
            return None;
        }
        let request = Request::new(client, Reached::Host { name: self.host, port: self.port });
        let predictions = index.reach(&request);
        let first = predictions.first()?;
        let alike = predictions.iter().all(|other| other.verdict == first.verdict);
        let at_gateway = first.endpoint.is_some_and(|endpoint| index.workload(endpoint).role == Role::Gateway);
        if !alike || at_gateway {
            return None;
        }
        let caller = index.settings().identity(&pod.namespace, &pod.service_account);
        Some(Seen { verdict: in_words_of_a_lab(&first.verdict)?, caller, reasons: first.reasons.clone() })
    }
}

/// The pods of a participant.
pub fn members(index: &Index, workload: &Workload) -> Vec<WorkloadId> {
    let wanted = |id: &WorkloadId| {
        let pod = index.workload(*id);
        pod.namespace == workload.namespace && snapshot::contains(&pod.labels, &workload.selector)
    };
    index.workloads().filter(wanted).collect()
}

/// Whether a Service leads out of what the lab's objects describe.
fn is_elsewhere(index: &Index, service: ServiceId) -> bool {
    let service = index.service(service);
    service.external || service.selector.is_empty()
}

/// Whether a VirtualService may send the client's request somewhere else than to the Service that it names.
fn is_routed(index: &Index, client: WorkloadId, service: ServiceId) -> bool {
    let host = &index.service(service).host;
    index.workload(client).sidecar
        && index.snapshot().virtual_services.iter().any(|routes| {
            let spec = &routes.spec;
            let for_sidecars = spec.gateways.is_empty() || spec.gateways.iter().any(|gateway| gateway == "mesh");
            let named = |wanted: &String| {
                wanted.starts_with('*')
                    || full_host(wanted, &routes.metadata.namespace, &index.settings().cluster_domain) == *host
                    || index.find_service(&routes.metadata.namespace, wanted) == Some(service)
            };
            for_sidecars && spec.hosts.iter().any(named)
        })
}

fn in_words_of_a_lab(verdict: &policy::Verdict) -> Option<Verdict> {
    Some(match verdict {
        policy::Verdict::Dns => Verdict::Dns,
        policy::Verdict::Http(code) => Verdict::Http(*code),
        policy::Verdict::Mtls(id) => Verdict::Mtls(id.parse().ok()?),
        policy::Verdict::NoEndpoint => Verdict::NoEndpoint,
        policy::Verdict::Plaintext => Verdict::Plaintext,
        policy::Verdict::Refused => Verdict::Refused,
        policy::Verdict::Reset => Verdict::Reset,
        policy::Verdict::TlsOnly => Verdict::TlsOnly,
        policy::Verdict::TlsAlert(_) | policy::Verdict::TlsError => return None,
    })
}

/// Whether `expected` will be seen; `None` if something decides that no manifest tells.
///
/// The policies say how a request travels. They do not say what the application makes of it, nor whether it listens.
pub fn fits(expected: &Expected, seen: &Seen) -> Option<bool> {
    if expected.admits(&seen.verdict, &seen.caller) {
        return Some(true);
    }
    let of_the_application = |verdict: &Verdict| {
        matches!(
            verdict,
            Verdict::Http(_) | Verdict::NoEndpoint | Verdict::Refused | Verdict::Timeout | Verdict::TlsAlert(_)
        )
    };
    let of_the_pods = |verdict: &Verdict| matches!(verdict, Verdict::NoEndpoint | Verdict::Refused | Verdict::Timeout);
    match expected {
        Expected::Exactly(verdict) if seen.verdict.answered() && of_the_application(verdict) => None,
        Expected::Exactly(verdict) if of_the_pods(verdict) => None,
        _ => Some(false),
    }
}

/// Whether a check of objects will pass.
pub fn resource(check: &Resource, world: &World) -> Option<bool> {
    if check.ready.is_some() || !check.fields.iter().all(|field| is_written(field.json.as_deref())) {
        return None;
    }
    let mut objects = world.resources(&check.api_version, &check.kind, check.namespace.as_deref())?;
    objects.retain(|object| match &check.which {
        Which::All => true,
        Which::Named(name) => object.pointer("/metadata/name").and_then(serde_json::Value::as_str) == Some(name),
        Which::Selected(labels) => has_labels(object, labels),
    });
    let enough = match check.count {
        Count::Any => !objects.is_empty(),
        Count::Exactly(wanted) => objects.len() == wanted,
    };
    let holds = |object: &&serde_json::Value| check.fields.iter().all(|field| assertion::holds_for(object, field));
    Some(enough && objects.iter().all(holds))
}

/// Whether what stands there is what a manifest says: a cluster adds much else to an object.
fn is_written(pointer: Option<&str>) -> bool {
    let places = ["/spec", "/metadata/name", "/metadata/namespace", "/kind"];
    pointer.is_some_and(|pointer| {
        places.iter().any(|place| pointer == *place || pointer.starts_with(&format!("{place}/")))
    })
}

fn has_labels(object: &serde_json::Value, labels: &BTreeMap<String, String>) -> bool {
    let found = &object["metadata"]["labels"];
    labels.iter().all(|(key, value)| found.get(key.as_str()).and_then(serde_json::Value::as_str) == Some(value))
}
