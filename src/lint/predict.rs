//! What a check will see, told from the objects of a world. Where that cannot be told, the answer is `None`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::world::{World, proxy_of};
use crate::{
    lab::{
        check::{Count, Http, Matrix, Resource, Which},
        model::{Endpoint, Lab, Workload, WorkloadName},
        position::Located,
    },
    mesh::{
        identity::SpiffeId,
        inject::PROXY_CONTAINER,
        policy::{self, Index, Reached, Request, ServiceId, WorkloadId, full_host},
        snapshot::{self, Role},
    },
    probe::{
        assertion,
        judge::Outcome,
        result::Line,
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

impl Seen {
    /// As a lab would expect it.
    pub fn word(&self) -> String {
        if Expected::Mtls.admits(&self.verdict, Some(&self.caller)) {
            Expected::Mtls.to_string()
        } else {
            self.verdict.to_string()
        }
    }
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
        let untold = |service| {
            is_elsewhere(index, service) || index.endpoints(service).is_empty() || is_routed(index, client, service)
        };
        if service.is_some_and(untold) {
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

/// What a matrix expects of one pair.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// Who is asked.
    pub to: &'a WorkloadName,
    /// What must be seen.
    pub expected: &'a Located<Expected>,
    /// What is asked.
    pub question: Question<'a>,
}

/// The cells of a matrix, row by row.
pub fn cells<'a>(lab: &'a Lab, matrix: &'a Matrix) -> impl Iterator<Item = Cell<'a>> {
    matrix.rows.iter().flat_map(move |row| {
        let from = lab.workload(&row.from);
        row.cells.iter().zip(&matrix.to).filter_map(move |(expected, to)| {
            let Endpoint { host, port } = lab.workload(to).service.as_ref()?;
            let question = Question { from, container: &from.container, host, port: *port };
            Some(Cell { to: &to.value, expected, question })
        })
    })
}

/// The pods of a participant.
pub fn members(index: &Index, workload: &Workload) -> Vec<WorkloadId> {
    let wanted = |id: &WorkloadId| {
        let pod = index.workload(*id);
        pod.namespace == workload.namespace && snapshot::contains(&pod.labels, &workload.selector)
    };
    index.workloads().filter(wanted).collect()
}

/// Whether it takes more than the lab's objects to tell where a Service leads.
fn is_elsewhere(index: &Index, service: ServiceId) -> bool {
    let service = index.service(service);
    service.external || service.headless || service.selector.is_empty()
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

/// A host or port that no Service has may be somebody's outside the lab; whether it is a slip, another rule says.
fn in_words_of_a_lab(verdict: &policy::Verdict) -> Option<Verdict> {
    Some(match verdict {
        policy::Verdict::Http(code) => Verdict::Http(*code),
        policy::Verdict::Mtls(id) => Verdict::Mtls(id.parse().ok()?),
        policy::Verdict::NoEndpoint => Verdict::NoEndpoint,
        policy::Verdict::Plaintext => Verdict::Plaintext,
        policy::Verdict::Reset => Verdict::Reset,
        policy::Verdict::TlsOnly => Verdict::TlsOnly,
        policy::Verdict::Dns | policy::Verdict::Refused | policy::Verdict::TlsAlert(_) | policy::Verdict::TlsError => {
            return None;
        }
    })
}

/// Whether `expected` will be seen; `None` if something decides that no manifest tells.
///
/// The policies say how a request travels. They do not say what the application makes of it, nor whether it listens.
pub fn fits(expected: &Expected, seen: &Seen) -> Option<bool> {
    if expected.admits(&seen.verdict, Some(&seen.caller)) {
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

/// What a check of objects will find wrong.
pub fn resource(check: &Resource, world: &World) -> Option<Vec<Line>> {
    if check.ready.is_some() || !check.fields.iter().all(|field| is_written(field.json.as_deref())) {
        return None;
    }
    let mut objects = world.resources(&check.api_version, &check.kind, check.namespace.as_deref())?;
    objects.retain(|object| match &check.which {
        Which::All => true,
        Which::Named(name) => object["metadata"]["name"] == name.as_str(),
        Which::Selected(labels) => has_labels(object, labels),
    });
    let place = check.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    let (subject, seen) = (format!("number of {}{place}", check.kind), objects.len().to_string());
    let number = match check.count {
        Count::Any => Line::new(subject, "1 or more", seen, !objects.is_empty()),
        Count::Exactly(wanted) => Line::new(subject, wanted.to_string(), seen, objects.len() == wanted),
    };
    let fields = objects.iter().flat_map(|object| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let subject = format!("{} {name}", check.kind);
        check.fields.iter().map(move |field| assertion::of_document(&subject, object, field))
    });
    Some(std::iter::once(number).chain(fields).filter(|line| line.outcome != Outcome::Pass).collect())
}

/// Whether what stands there is what a manifest says: a cluster adds much else to an object.
fn is_written(pointer: Option<&str>) -> bool {
    let places = ["/spec", "/metadata/name", "/metadata/namespace", "/kind"];
    pointer.is_some_and(|pointer| {
        places.iter().any(|place| pointer == *place || pointer.starts_with(&format!("{place}/")))
    })
}

fn has_labels(object: &Value, labels: &BTreeMap<String, String>) -> bool {
    let found = &object["metadata"]["labels"];
    labels.iter().all(|(key, value)| found.get(key.as_str()).and_then(Value::as_str) == Some(value))
}
