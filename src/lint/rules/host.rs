//! Hosts and ports at which nobody can be asked.

use crate::{
    lab::model::{Endpoint, Workload},
    lint::{Code, Subject, predict::members},
    mesh::policy::{Index, ServiceId},
};

pub(super) fn check(subject: &Subject<'_>) {
    let indexes: Option<Vec<&Index>> = subject.replay.worlds().iter().map(|world| world.index()).collect();
    // What cannot be told of one moment may be what makes the Service.
    let Some(indexes) = indexes else { return };
    for workload in subject.lab.workloads.values() {
        let Some(endpoint) = &workload.service else { continue };
        // Of pods that the lab does not make, the Service may not be its own either.
        let has_pods = indexes.iter().any(|index| !members(index, workload).is_empty());
        let services: Vec<(&Index, ServiceId)> =
            indexes.iter().flat_map(|index| found(subject, index, endpoint).map(|service| (*index, service))).collect();
        match services.is_empty() {
            true if has_pods => no_service(subject, workload, endpoint, indexes.last()),
            true => {}
            false => no_port(subject, workload, endpoint, &services),
        }
    }
}

/// The Services that participants mean by a host: a short name depends on where it is typed.
fn found<'a>(
    subject: &'a Subject<'_>,
    index: &'a Index,
    endpoint: &'a Endpoint,
) -> impl Iterator<Item = ServiceId> + 'a {
    let clients = subject.lab.workloads.values();
    clients.filter_map(|client| index.find_service(&client.namespace, &endpoint.host))
}

fn no_service(subject: &Subject<'_>, workload: &Workload, endpoint: &Endpoint, index: Option<&&Index>) {
    let message = format!("no Service of the lab is called `{}`", endpoint.host);
    let own = index.and_then(|index| {
        let pods = members(index, workload);
        let service = pods.iter().flat_map(|pod| index.fronts(*pod)).next()?;
        let service = index.service(*service);
        Some(format!("the pods of `{}` stand behind `{}.{}`", workload.name.value, service.name, service.namespace))
    });
    let hint = own.unwrap_or_else(|| "see its name and its namespace, or apply a Service for these pods".to_owned());
    subject.note(Code::UnknownHost, workload.name.at, message, hint);
}

fn no_port(subject: &Subject<'_>, workload: &Workload, endpoint: &Endpoint, services: &[(&Index, ServiceId)]) {
    let ports = |(index, service): &(&Index, ServiceId)| -> Vec<u16> {
        let service = index.service(*service);
        service.ports.iter().map(|port| port.port).collect()
    };
    let known: Vec<u16> = services.iter().flat_map(ports).collect();
    if !known.is_empty() && !known.contains(&endpoint.port) {
        let mut known: Vec<String> = known.iter().map(ToString::to_string).collect();
        known.sort();
        known.dedup();
        let message = format!("Service `{}` has no port {}", endpoint.host, endpoint.port);
        subject.note(Code::UnknownHost, workload.name.at, message, format!("it has {}", known.join(", ")));
    }
}
