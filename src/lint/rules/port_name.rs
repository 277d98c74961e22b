//! Service ports whose name does not tell the mesh what is spoken there.

use std::collections::BTreeSet;

use super::who;
use crate::{
    lint::{Code, Subject},
    mesh::registry::protocol,
    render::object::Object,
    sidecar::config::Protocol,
};

pub(super) fn check(subject: &Subject<'_>) {
    let mut seen = BTreeSet::new();
    for apply in subject.applies() {
        for object in apply.objects.iter().filter(|object| object.kind() == "Service") {
            for (number, name) in hidden(object) {
                if !seen.insert((who(object), number)) {
                    continue;
                }
                let called = if name.is_empty() { "has no name".to_owned() } else { format!("is called `{name}`") };
                let message = format!("port {number} of {} {called}: the mesh has to guess its protocol", who(object));
                let hint = "begin its name with http-, http2-, grpc-, https-, tls- or tcp-, or set `appProtocol`";
                subject.note(Code::HiddenProtocol, apply.template.at, message, hint);
            }
        }
    }
}

/// Numbers and names of the ports of which nothing tells the protocol.
fn hidden(service: &Object) -> Vec<(u16, String)> {
    let ports = service.value()["spec"]["ports"].as_array().into_iter().flatten();
    let over_tcp = ports.filter(|port| port["protocol"].as_str().is_none_or(|transport| transport == "TCP"));
    let hidden = over_tcp.filter_map(|port| {
        let number = u16::try_from(port["port"].as_u64()?).ok()?;
        let name = port["name"].as_str().unwrap_or_default();
        let guessed = protocol(port["appProtocol"].as_str(), name, number) == Protocol::Detect;
        guessed.then(|| (number, name.to_owned()))
    });
    hidden.collect()
}
