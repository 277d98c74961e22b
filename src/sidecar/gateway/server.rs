//! A TLS server of a gateway, made ready.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    host::Host,
    sidecar::{
        config::routing::{self as config, Clients, Credential, ServerCertificate, Termination, TlsAction, Weighted},
        routing::hosts::{Turns, VirtualHosts},
        snapshot::Snapshot,
        tls::{
            TlsError,
            credential::Named,
            files,
            server::ServerTls,
            verify::{ClientNames, VerifiedClients},
        },
    },
};

/// A server, and what it does with connections.
#[derive(Debug)]
pub(super) struct Server {
    names: Vec<String>,
    pub(super) action: Action,
}

/// What a server does with a connection.
#[derive(Debug)]
pub(super) enum Action {
    /// Passes it on to the destination in its server name.
    AutoPassthrough,
    /// Passes it on.
    Passthrough(Vec<Passage>),
    /// Ends its TLS.
    Terminate(Box<Terminal>),
}

/// One way for connections that are passed on.
#[derive(Debug)]
pub(super) struct Passage {
    names: Vec<String>,
    destinations: Vec<Weighted>,
    turns: Turns,
}

/// Where TLS ends.
#[derive(Debug)]
pub(super) struct Terminal {
    settings: Termination,
    credential: Option<Named>,
    hosts: VirtualHosts,
    ready: Mutex<Option<Arc<ServerTls>>>,
}

/// How well a name fits: the length of the pattern, an exact one before all others.
type Fitness = (bool, usize);

impl Server {
    pub fn new(server: &config::TlsServer, credentials: &BTreeMap<String, Credential>) -> Self {
        let action = match &server.action {
            TlsAction::AutoPassthrough => Action::AutoPassthrough,
            TlsAction::Passthrough(routes) => Action::Passthrough(routes.iter().map(Passage::new).collect()),
            TlsAction::Terminate(settings) => Action::Terminate(Box::new(Terminal::new(settings, credentials))),
        };
        Self { names: server.hosts.clone(), action }
    }

    /// How well a server name fits; nothing if it does not.
    pub fn fits(&self, name: &str) -> Option<Fitness> {
        fitness(&self.names, name)
    }

    /// The virtual hosts inside its TLS.
    pub fn hosts(&self) -> Option<&VirtualHosts> {
        match &self.action {
            Action::Terminate(terminal) => Some(&terminal.hosts),
            Action::AutoPassthrough | Action::Passthrough(_) => None,
        }
    }
}

fn fitness(patterns: &[String], name: &str) -> Option<Fitness> {
    let fitting = patterns.iter().filter(|pattern| config::host_matches(pattern, name));
    fitting.map(|pattern| (!pattern.starts_with('*'), pattern.len())).max()
}

impl Passage {
    fn new(route: &config::SniRoute) -> Self {
        let destinations = route.destinations.clone();
        Self { names: route.hosts.clone(), turns: Turns::new(&destinations), destinations }
    }

    /// Where a connection for this name goes, among the ways of a server.
    pub fn find<'a>(passages: &'a [Self], name: &str) -> Option<&'a config::Destination> {
        let passage = passages.iter().find(|passage| fitness(&passage.names, name).is_some())?;
        passage.turns.choose(&passage.destinations)
    }
}

impl Terminal {
    fn new(settings: &Termination, credentials: &BTreeMap<String, Credential>) -> Self {
        let credential = match &settings.certificate {
            ServerCertificate::Credential(name) => {
                Some(Named { name: name.clone(), credential: credentials.get(name).cloned() })
            }
            ServerCertificate::Files { .. } | ServerCertificate::Workload => None,
        };
        let hosts = VirtualHosts::new(&settings.http);
        Self { settings: settings.clone(), credential, hosts, ready: Mutex::default() }
    }

    /// What answers handshakes; made when it is first needed.
    pub fn tls(&self, host: &dyn Host, snapshot: &Snapshot) -> Result<Arc<ServerTls>, TlsError> {
        if self.settings.certificate == ServerCertificate::Workload && self.settings.client_names.is_empty() {
            return Ok(snapshot.server.clone());
        }
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        match &*ready {
            Some(ready) => Ok(ready.clone()),
            None => Ok(ready.insert(Arc::new(self.prepare(host)?)).clone()),
        }
    }

    fn prepare(&self, host: &dyn Host) -> Result<ServerTls, TlsError> {
        let asks = self.settings.clients != Clients::Anonymous;
        let (own, roots) = match (&self.settings.certificate, &self.credential) {
            (ServerCertificate::Files { own, roots }, _) => {
                let roots = roots.as_deref().filter(|_| asks).map(|path| files::roots(host, Some(path))).transpose()?;
                (files::client_certificate(host, own)?, roots)
            }
            (_, Some(named)) => (named.own()?, asks.then(|| named.needed_roots()).transpose()?),
            (_, None) => return Err(TlsError::NoCredential(String::new())),
        };
        let names = match &self.settings.client_names[..] {
            [] => ClientNames::Any,
            names => ClientNames::OneOf(names.to_vec()),
        };
        let optional = self.settings.clients == Clients::Optional;
        let clients = roots.map(|roots| VerifiedClients::of_roots(roots, optional, names)).transpose()?;
        ServerTls::showing(own, clients)
    }
}
