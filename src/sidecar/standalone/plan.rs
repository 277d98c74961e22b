//! Turns the file into what the data plane understands: a configuration, and a role for every listener.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use super::{
    StandaloneError,
    load::split,
    model::{OutboundListener, OutboundTls, Standalone, TlsMode},
};
use crate::{
    host::Host,
    mesh::mode::Mode,
    sidecar::{
        config::{CertificateFiles, ClientTls, Endpoint, Inbound, InboundPort, OutboundPort, ProxyConfig},
        serve::Role,
    },
};

/// What is to run.
pub struct Plan {
    /// The data plane's configuration. Its ports are the positions of listeners in the file: two listeners may
    /// have one port at different addresses.
    pub config: ProxyConfig,
    /// Where to listen, and as what.
    pub listeners: Vec<(SocketAddr, Role)>,
}

/// Resolves the upstreams and lays out the listeners. `domain` is trusted if the file names none.
pub async fn plan(host: &dyn Host, folder: &Path, file: &Standalone, domain: &str) -> Result<Plan, StandaloneError> {
    let (mut ports, mut outbound, mut listeners) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (port, listener) in (1..).zip(&file.inbound) {
        ports.insert(port, InboundPort { mode: listener.mode, protocol: listener.protocol });
        listeners.push((listener.listen.value, Role::InboundTo { address: listener.application, port }));
    }
    for (port, listener) in (1..).zip(&file.outbound) {
        let service = service(host, folder, listener, port).await?;
        listeners.push((listener.listen.value, Role::OutboundTo { host: service.host.clone(), port }));
        outbound.push(service);
    }
    let config = ProxyConfig {
        version: String::new(),
        trust_domains: file.trust_domains.clone().unwrap_or_else(|| vec![domain.to_owned()]),
        inbound: Inbound { mode: Mode::Strict, ports },
        outbound,
        routing: Default::default(),
    };
    Ok(Plan { config, listeners })
}

async fn service(
    host: &dyn Host,
    folder: &Path,
    listener: &OutboundListener,
    port: u16,
) -> Result<OutboundPort, StandaloneError> {
    let upstreams = &listener.upstreams.value;
    let (name, upstream_port) = split(&upstreams[0].value).expect("the file has been checked");
    let tls = client_tls(folder, &listener.tls, name, upstream_port);
    let mut endpoints = Vec::new();
    for upstream in upstreams {
        let (name, port) = split(&upstream.value).expect("the file has been checked");
        for address in resolve(host, name).await? {
            let address = SocketAddr::new(address, port);
            endpoints.push(Endpoint { address, tls: tls != ClientTls::Disable, workload: None });
        }
    }
    let (host, protocol) = (name.to_owned(), listener.protocol);
    Ok(OutboundPort {
        host,
        aliases: Vec::new(),
        subset: None,
        addresses: vec![listener.listen.value.ip()],
        port,
        protocol,
        tls,
        endpoints,
    })
}

async fn resolve(host: &dyn Host, name: &str) -> Result<Vec<IpAddr>, StandaloneError> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    host.resolve(name).await.map_err(|error| StandaloneError::Resolve { name: name.to_owned(), error })
}

fn client_tls(folder: &Path, tls: &OutboundTls, name: &str, port: u16) -> ClientTls {
    let path = |path: &PathBuf| folder.join(path).to_string_lossy().into_owned();
    let files = |client_certificate: Option<CertificateFiles>| ClientTls::Files {
        mutual: client_certificate.is_some(),
        sni: tls.sni.clone(),
        sans: tls.subject_alt_names.clone(),
        ca_certificates: tls.ca_certificates.as_ref().map(path),
        client_certificate,
        insecure_skip_verify: false,
        credential_name: None,
    };
    match tls.mode.as_ref().map_or_else(TlsMode::default, |mode| mode.value) {
        TlsMode::Disable => ClientTls::Disable,
        TlsMode::Simple => files(None),
        TlsMode::Mutual => {
            let (certificate, key) = tls.client_certificate.as_ref().zip(tls.private_key.as_ref()).expect("checked");
            files(Some(CertificateFiles { certificate: path(certificate), key: path(key) }))
        }
        TlsMode::IstioMutual => {
            // An address is no server name: then none is sent.
            let istio = || match name.parse::<IpAddr>() {
                Ok(_) => name.to_owned(),
                Err(_) => format!("outbound_.{port}_._.{name}"),
            };
            ClientTls::IstioMutual { sni: tls.sni.clone().unwrap_or_else(istio), sans: tls.subject_alt_names.clone() }
        }
    }
}
