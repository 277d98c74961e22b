//! Whom somebody means who types where a call goes: `httpbin`, `httpbin.foo:8000`, `http://httpbin.foo:8000/headers`.

use super::{
    chain::Call,
    find::{Nobody, Wanted},
};
use crate::mesh::{
    policy::{Index, ServiceId, WorkloadId},
    snapshot::ServicePort,
};

/// Where a call goes, as it was typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address<'a> {
    host: &'a str,
    port: Option<u16>,
    path: &'a str,
}

/// A text that does not say where a call goes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AddressError {
    /// There is neither such a Service nor such a workload.
    #[error("no Service that {client} can see is called `{name}`, and {nobody}")]
    Name {
        /// Who calls.
        client: String,
        /// What was typed.
        name: String,
        /// The workloads that are there.
        nobody: Nobody,
    },
    /// The Service has no such port, or no port at all.
    #[error("{host} has no port {port}")]
    Port {
        /// The Service.
        host: String,
        /// The port that was typed.
        port: String,
        /// The ports it has.
        has: Vec<u16>,
    },
    /// The workload stands behind no Service.
    #[error("no Service leads to {0}")]
    Unserved(String),
}

impl AddressError {
    /// What the reader can type instead.
    pub fn hint(&self) -> String {
        match self {
            Self::Name { nobody, .. } => nobody.hint(),
            Self::Port { has, .. } => {
                let ports: Vec<String> = has.iter().map(ToString::to_string).collect();
                format!("it has {}", if ports.is_empty() { "none".to_owned() } else { ports.join(", ") })
            }
            Self::Unserved(_) => "a call to a bare pod address always passes through as it came".to_owned(),
        }
    }
}

impl<'a> Address<'a> {
    /// Takes a text apart; every text is one.
    pub fn read(text: &'a str) -> Self {
        let url = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let (authority, path) = match url {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => (text, ""),
        };
        let port = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = port.map_or((authority, None), |(host, port)| (host, Some(port)));
        Self { host, port, path: if path.is_empty() { "/" } else { path } }
    }

    /// The path to ask for.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The Service and port that a client means by it: a Service by name, or the one that leads to a workload.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn find(&self, index: &Index, client: WorkloadId) -> Result<Call, AddressError> {
        let service = self.service(index, client)?;
        let ports = &index.service(service).ports;
        let spoken = |port: &&ServicePort| port.name.split('-').next() == Some("http");
        let port = match self.port {
            Some(wanted) => ports.iter().find(|port| port.port == wanted),
            None => ports.iter().find(spoken).or_else(|| ports.first()),
        };
        let port = port.ok_or_else(|| AddressError::Port {
            host: index.service(service).host.clone(),
            port: self.port.map(|port| port.to_string()).unwrap_or_default(),
            has: ports.iter().map(|port| port.port).collect(),
        })?;
        Ok(Call { client, service, port: port.port })
    }

    fn service(&self, index: &Index, client: WorkloadId) -> Result<ServiceId, AddressError> {
        let namespace = &index.workload(client).namespace;
        // `foo/httpbin` is how Istio's tools write it.
        let dotted = self.host.split_once('/').map(|(namespace, name)| format!("{name}.{namespace}"));
        let found = index.find_service(namespace, dotted.as_deref().unwrap_or(self.host));
        if let Some(service) = found {
            return Ok(service);
        }
        let workload = Wanted::read(self.host, namespace).find(index).map_err(|nobody| AddressError::Name {
            client: index.workload(client).name.clone(),
            name: self.host.to_owned(),
            nobody,
        })?;
        let name = &index.workload(workload).name;
        index.fronts(workload).first().copied().ok_or_else(|| AddressError::Unserved(name.clone()))
    }
}
