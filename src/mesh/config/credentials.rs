//! The certificates that a proxy's configuration names: from Secrets of its own namespace, and for it alone.

use std::collections::BTreeMap;

use crate::{
    mesh::{
        policy::Index,
        snapshot::{Workload, credential_secrets},
    },
    sidecar::config::{
        ClientTls, OutboundPort,
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
            ServerCertificate::Credential(name) => Some(name),
            ServerCertificate::Files { .. } | ServerCertificate::Workload => None,
        },
        TlsAction::AutoPassthrough | TlsAction::Passthrough(_) => None,
    });
    let clients = outbound.filter_map(|port| match &port.tls {
        ClientTls::Files { credential_name, .. } => credential_name.as_ref(),
        ClientTls::Disable | ClientTls::IstioMutual { .. } => None,
    });
    let found = servers.chain(clients).filter_map(|name| Some((name.clone(), find(index, &proxy.namespace, name)?)));
    found.collect()
}

/// The credential of this name; its roots may be in a Secret of their own.
fn find(index: &Index, namespace: &str, name: &str) -> Option<Credential> {
    let [own, roots] = credential_secrets(name)
        .map(|name| index.snapshot().credentials.get(&(namespace.to_owned(), name)).map(|found| &found.credential));
    own.or(roots)?;
    let mut credential = own.cloned().unwrap_or_default();
    credential.roots = roots.and_then(|found| found.roots.clone()).or(credential.roots);
    Some(credential)
}
