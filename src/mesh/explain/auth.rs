//! What the proxy of one workload does about authentication, listener by listener and destination by destination.
//!
//! A pure function of the mesh: `labctl auth check` prints it, and the check `auth` of a lab grades it.

use std::{collections::BTreeSet, net::IpAddr};

use serde::Serialize;

use super::{
    report::{Deciding, alike},
    settings::{certificate, roots},
};
use crate::mesh::{
    config::proxy_config,
    mode::Mode,
    policy::{Index, Target, WorkloadId},
    snapshot::Role,
};

/// The name of the certificate that the mesh gives to a workload, as proxies know it.
pub const CERTIFICATE: &str = "default";
/// The name of the roots of the mesh, as proxies know them.
pub const ROOTS: &str = "ROOTCA";
/// The listener for all inbound ports that nobody names.
const OTHERS: &str = "virtualInbound";

/// What the proxy of one workload does about authentication.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthCheck {
    /// The workload's namespace.
    pub namespace: String,
    /// The pod (offline, what makes it).
    pub pod: String,
    /// Whether a proxy stands before it; without one there are no listeners and no destinations.
    pub sidecar: bool,
    /// Who it is in the mesh.
    pub identity: String,
    /// The version of the configuration that says all this; the proxy acknowledges it by that name.
    pub configuration: String,
    /// What is accepted, by port; the last is for all ports that nobody names.
    pub listeners: Vec<Listener>,
    /// How others are called, by Service port.
    pub outbound: Vec<Destination>,
}

/// What a proxy accepts on one port of its workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    /// `10.244.0.5_8080`.
    pub name: String,
    /// The workload port; absent for all that nobody names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The mode in effect; absent if the port bypasses the proxy.
    pub mode: Option<Mode>,
    /// The ways in, in the order in which they are tried: one, or two under PERMISSIVE.
    pub chains: Vec<FilterChain>,
    /// The resource that decided; absent if a default did.
    pub decided_by: Option<Deciding>,
    /// Where in it, `spec.mtls.mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Why, from top to bottom.
    pub reasons: Vec<String>,
}

/// One way into a listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterChain {
    /// The certificate that the proxy shows; none where it speaks no TLS.
    pub certificate: Option<&'static str>,
    /// Whether callers must prove who they are by mutual TLS.
    pub mtls: bool,
}

/// How a proxy calls one Service port.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// The full host name.
    pub host: String,
    /// The Service port.
    pub port: u16,
    /// Which of several ways to the same port this is, where its endpoints are not treated alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<usize>,
    /// How connections are secured; `DISABLE` is plaintext.
    pub mode: String,
    /// Whether auto mTLS decided.
    pub auto: bool,
    /// The certificate that the proxy shows: `default`, a file, a Secret; none if it shows none.
    pub certificate: Option<String>,
    /// By what the peer's certificate is verified: `ROOTCA`, a file, a Secret; none if it is not.
    pub validated_by: Option<String>,
    /// The pods this is about, `name.namespace`.
    pub endpoints: Vec<String>,
    /// The rule that applies.
    pub decided_by: Option<Deciding>,
    /// Where in it, `spec.mtls.mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Why, from top to bottom.
    pub reasons: Vec<String>,
}

/// Looks at the proxy of a workload.
pub fn check(index: &Index, workload: WorkloadId) -> AuthCheck {
    let data = index.workload(workload);
    let (listeners, outbound) = match data.sidecar {
        true => (listeners(index, workload), destinations(index, workload)),
        false => (Vec::new(), Vec::new()),
    };
    AuthCheck {
        namespace: data.namespace.clone(),
        pod: data.name.clone(),
        sidecar: data.sidecar,
        identity: index.settings().identity(&data.namespace, &data.service_account).to_string(),
        configuration: proxy_config(index, workload).version,
        listeners,
        outbound,
    }
}

/// What a workload's proxy accepts: every port that somebody names, then all others.
pub fn listeners(index: &Index, workload: WorkloadId) -> Vec<Listener> {
    let data = index.workload(workload);
    if !data.sidecar || data.role == Role::Gateway {
        return Vec::new();
    }
    let named = index.inbound_ports(workload).into_iter().map(|port| listener(index, workload, Some(port)));
    named.chain([listener(index, workload, None)]).collect()
}

fn listener(index: &Index, workload: WorkloadId, port: Option<u16>) -> Listener {
    let data = index.workload(workload);
    let address = data.address.map_or_else(|| data.name.clone(), |address: IpAddr| address.to_string());
    // No port is numbered 0: its mode is that of all ports that nobody names.
    let decision = index.server_mode(workload, port.unwrap_or_default());
    let mode = decision.as_ref().map(|decision| decision.value);
    let bypassed = || vec!["the port bypasses the proxy: the application sees every byte".to_owned()];
    Listener {
        name: port.map_or_else(|| OTHERS.to_owned(), |port| format!("{address}_{port}")),
        port,
        mode,
        chains: chains(mode),
        decided_by: decision.as_ref().and_then(|decision| decision.by.as_ref()).map(Deciding::from),
        field: decision.as_ref().and_then(|decision| decision.field.as_ref()).map(ToString::to_string),
        reasons: decision.map_or_else(bypassed, |decision| decision.reasons),
    }
}

/// The ways in that a mode leaves open.
pub fn chains(mode: Option<Mode>) -> Vec<FilterChain> {
    const MUTUAL: FilterChain = FilterChain { certificate: Some(CERTIFICATE), mtls: true };
    const PLAINTEXT: FilterChain = FilterChain { certificate: None, mtls: false };
    match mode {
        Some(Mode::Strict) => vec![MUTUAL],
        Some(Mode::Permissive) => vec![MUTUAL, PLAINTEXT],
        Some(Mode::Disable) | None => vec![PLAINTEXT],
    }
}

fn destinations(index: &Index, workload: WorkloadId) -> Vec<Destination> {
    let namespace = &index.workload(workload).namespace;
    let targets =
        index.services().filter(|&service| index.service(service).visible_to(namespace)).flat_map(|service| {
            index.service(service).ports.iter().map(move |port| Target { service, port: port.port, subset: None })
        });
    targets.flat_map(|target| ways(index, workload, target)).collect()
}

/// The ways to one Service port: several where endpoints are not treated alike.
fn ways(index: &Index, workload: WorkloadId, target: Target<'_>) -> Vec<Destination> {
    let groups = alike(index, workload, target);
    let several = groups.len() > 1;
    let ways = groups.into_iter().enumerate().map(|(way, (setting, endpoints))| Destination {
        host: index.service(target.service).host.clone(),
        port: target.port,
        way: several.then_some(way),
        mode: setting.mode.to_string(),
        auto: setting.auto,
        certificate: certificate(&setting),
        validated_by: roots(&setting),
        endpoints,
        decided_by: setting.rule.as_ref().map(Deciding::from),
        field: setting.field.as_ref().map(ToString::to_string),
        reasons: setting.reasons,
    });
    ways.collect()
}

impl Index {
    /// The workload ports that somebody names: a container, a Service, a policy.
    pub fn inbound_ports(&self, workload: WorkloadId) -> BTreeSet<u16> {
        let data = self.workload(workload);
        let served = self.fronts(workload).iter().flat_map(|&service| {
            let service = self.service(service);
            service.ports.iter().filter_map(|port| service.target(port, data))
        });
        data.ports.iter().map(|port| port.port).chain(served).chain(self.policy_ports(workload)).collect()
    }
}
