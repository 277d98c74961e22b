//! `networking.istio.io` Gateway: what a gateway listens to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::null_is_default;

/// The spec of a Gateway.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// Labels of the gateway's pods; all gateways if empty.
    #[serde(default, deserialize_with = "null_is_default")]
    pub selector: BTreeMap<String, String>,
    /// Its listeners.
    #[serde(default, deserialize_with = "null_is_default")]
    pub servers: Vec<GatewayServer>,
}

/// One listener of a gateway.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayServer {
    /// Where it listens.
    #[serde(default, deserialize_with = "null_is_default")]
    pub port: GatewayPort,
    /// Hosts it answers for, each possibly with a namespace before a `/`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub hosts: Vec<String>,
    /// Transport security of the downstream side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTlsSettings>,
}

/// Where a gateway listens.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct GatewayPort {
    /// The number.
    #[serde(default)]
    pub number: u32,
    /// Its name.
    #[serde(default, deserialize_with = "null_is_default")]
    pub name: String,
    /// `HTTP`, `HTTPS`, `TLS`, `TCP`, ...
    #[serde(default, deserialize_with = "null_is_default")]
    pub protocol: String,
}

/// The downstream side of a gateway's transport security.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerTlsSettings {
    /// How; `PASSTHROUGH` if absent (the zero value of the field in Istio).
    #[serde(default, deserialize_with = "null_is_default")]
    pub mode: ServerTlsMode,
    /// The Secret with certificate and key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_name: Option<String>,
    /// PEM chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_certificate: Option<String>,
    /// PEM key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<String>,
    /// PEM roots that verify clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certificates: Option<String>,
    /// Whether plaintext requests are answered with a redirect to HTTPS.
    #[serde(default, deserialize_with = "null_is_default")]
    pub https_redirect: bool,
    /// Names of which one must be in the client's certificate.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub subject_alt_names: Vec<String>,
}

/// What a gateway does with TLS.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServerTlsMode {
    /// Passes it on by the destination that the server name holds.
    AutoPassthrough,
    /// Terminates mutual TLS of the mesh.
    IstioMutual,
    /// Terminates it; a client certificate is required.
    Mutual,
    /// Terminates it; a client certificate is asked for and may be missing.
    OptionalMutual,
    /// Passes it on by the server name.
    #[default]
    Passthrough,
    /// Terminates it; no client certificate is asked for.
    Simple,
}
