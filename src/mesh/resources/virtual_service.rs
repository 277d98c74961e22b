//! `networking.istio.io` VirtualService: where gateways send requests.

use serde::{Deserialize, Serialize};

use super::null_is_default;

/// The spec of a VirtualService.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualService {
    /// Hosts it routes.
    #[serde(default, deserialize_with = "null_is_default")]
    pub hosts: Vec<String>,
    /// Gateways it is attached to, `name` or `namespace/name`; `mesh` (all sidecars) if empty.
    #[serde(default, deserialize_with = "null_is_default")]
    pub gateways: Vec<String>,
    /// Routes of HTTP requests, in order.
    #[serde(default, deserialize_with = "null_is_default")]
    pub http: Vec<HttpRoute>,
    /// Routes of TLS connections by server name, in order.
    #[serde(default, deserialize_with = "null_is_default")]
    pub tls: Vec<TlsRoute>,
}

/// A route of HTTP requests.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct HttpRoute {
    /// Where to.
    #[serde(default, deserialize_with = "null_is_default")]
    pub route: Vec<RouteDestination>,
}

/// A route of TLS connections.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct TlsRoute {
    /// Which connections.
    #[serde(default, rename = "match", deserialize_with = "null_is_default")]
    pub matches: Vec<TlsMatch>,
    /// Where to.
    #[serde(default, deserialize_with = "null_is_default")]
    pub route: Vec<RouteDestination>,
}

/// Picks TLS connections.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsMatch {
    /// Server names.
    #[serde(default, deserialize_with = "null_is_default")]
    pub sni_hosts: Vec<String>,
    /// The gateway's port; all if absent.
    pub port: Option<u32>,
}

/// One of the places a route leads to.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RouteDestination {
    /// The place.
    #[serde(default)]
    pub destination: Destination,
}

/// A host, and which part of it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Destination {
    /// The host.
    #[serde(default)]
    pub host: String,
    /// A subset of a DestinationRule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subset: Option<String>,
    /// The Service port; needed if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<PortSelector>,
}

/// A Service port by number.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct PortSelector {
    /// The number.
    #[serde(default)]
    pub number: u32,
}
