//! The certificates that a gateway's configuration names: from Secrets of its own namespace, and for it alone.
//!
//! A sidecar reads those that rules name by itself (`mesh/agent/credentials`).

use std::collections::BTreeMap;

use crate::{
    mesh::{
        policy::Index,
        snapshot::{Role, Workload, credential_secrets, joined},
    },
    sidecar::config::{
        OutboundPort,
        routing::{Credential, Listener, ServerCertificate, TlsAction},
    },
};

/// The credentials that are there of those that listeners and Service ports name.
pub(super) fn of<'a>(
    index: &Index,
    proxy: &Workload,
    listeners: &'a [Listener],
    outbound: impl Iterator<Item = &'a OutboundPort>,
) -> BTreeMap<String, Credential> {
    let servers = listeners.iter().flat_map(|listener| &listener.tls).filter_map(|server| match &server.action {
        TlsAction::Terminate(termination) => match &termination.certificate {
            ServerCertificate::Credential(name) => Some(name.as_str()),
            ServerCertificate::Files { .. } | ServerCertificate::Workload => None,
        },
        TlsAction::AutoPassthrough | TlsAction::Passthrough(_) => None,
    });
    let clients = outbound.filter(|_| proxy.role == Role::Gateway).filter_map(|port| port.tls.credential_name());
    let names = servers.chain(clients);
    names.filter_map(|name| Some((name.to_owned(), find(index, &proxy.namespace, name)?))).collect()
}

/// The credential of this name; its roots may be in a Secret of their own.
fn find(index: &Index, namespace: &str, name: &str) -> Option<Credential> {
    let [own, roots] = credential_secrets(name)
        .map(|name| index.snapshot().credentials.get(&(namespace.to_owned(), name)).map(|found| &found.credential));
    joined(own, roots)
}
