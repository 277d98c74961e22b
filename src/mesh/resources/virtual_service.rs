//! `networking.istio.io` VirtualService: where gateways and sidecars send requests.

use std::collections::BTreeMap;

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
    /// The namespaces whose proxies see it; all if empty.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub export_to: Vec<String>,
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
    /// Which requests: those that fit one of these, or all if there is none.
    #[serde(default, rename = "match", deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<HttpMatch>,
    /// Where to.
    #[serde(default, deserialize_with = "null_is_default")]
    pub route: Vec<RouteDestination>,
    /// In place of `route`: where the client is told to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<HttpRedirect>,
    /// What the destination is told instead of what the client asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<HttpRewrite>,
    /// How long it may take, `5s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// How often it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<HttpRetry>,
}

/// Picks HTTP requests; all that is given must be so.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpMatch {
    /// The path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<StringMatch>,
    /// Whether the path may differ in case.
    #[serde(deserialize_with = "null_is_default")]
    pub ignore_uri_case: bool,
    /// `http` or `https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<StringMatch>,
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<StringMatch>,
    /// The host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<StringMatch>,
    /// Headers that are there; an empty match is for any value.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, StringMatch>,
    /// Headers that are not there like this.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub without_headers: BTreeMap<String, StringMatch>,
    /// Parameters of the query.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub query_params: BTreeMap<String, StringMatch>,
    /// The port that is dialled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// Labels of the calling pod.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub source_labels: BTreeMap<String, String>,
    /// The namespace of the calling pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_namespace: Option<String>,
    /// In place of the VirtualService's own.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
}

impl HttpRoute {
    /// Whether a request for `/` with nothing special about it takes this route.
    pub fn is_plain(&self) -> bool {
        self.matches.is_empty() || self.matches.iter().any(HttpMatch::is_plain)
    }
}

impl HttpMatch {
    fn is_plain(&self) -> bool {
        let root = |uri: &StringMatch| [&uri.prefix, &uri.exact].into_iter().flatten().any(|path| path == "/");
        self.uri.as_ref().is_none_or(root)
            && *self == Self { uri: self.uri.clone(), ignore_uri_case: self.ignore_uri_case, ..Self::default() }
    }
}

/// What a text must be like: one of these.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct StringMatch {
    /// Just this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// Begin with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Fit this regular expression (RE2) as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
}

/// Where a client is told to go.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRedirect {
    /// The path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// `http` or `https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The status; 301 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_code: Option<u32>,
}

/// What a destination is told instead of what the client asked for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct HttpRewrite {
    /// In place of the part of the path that was matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// In place of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// How requests are tried again.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRetry {
    /// How often after the first time.
    pub attempts: i32,
    /// How long one try may take, `2s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_try_timeout: Option<String>,
    /// For which reasons, in Envoy's words with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_on: Option<String>,
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
    /// Its share, in relation to the others'.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
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
