//! `networking.istio.io` DestinationRule: how clients call a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Selector, null_is_default};

/// The spec of a DestinationRule.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationRule {
    /// Whom the calls go to: a short name, a full name, or `*` with a suffix.
    #[serde(default)]
    pub host: String,
    /// How, unless the port or the subset says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_policy: Option<TrafficPolicy>,
    /// Named parts of the host's endpoints.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub subsets: Vec<Subset>,
    /// Namespaces whose clients may use it; all if empty.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub export_to: Vec<String>,
    /// Clients of its own namespace that it is limited to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_selector: Option<Selector>,
}

/// How a host, or a part of it, is called.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficPolicy {
    /// Transport security; automatic if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTlsSettings>,
    /// Which endpoint is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancer>,
    /// Replacements for single Service ports.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub port_level_settings: Vec<PortSettings>,
}

impl TrafficPolicy {
    /// The entry that replaces this policy on a Service port.
    pub fn port(&self, port: u16) -> Option<&PortSettings> {
        self.port_level_settings
            .iter()
            .find(|settings| settings.port.is_some_and(|wanted| wanted.number == u32::from(port)))
    }
}

/// What replaces a traffic policy on one Service port.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortSettings {
    /// Which Service port.
    pub port: Option<PortNumber>,
    /// Transport security; automatic if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTlsSettings>,
    /// Which endpoint is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancer>,
}

/// A Service port by number. Istio accepts numbers that cannot be ports (80000); they match nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct PortNumber {
    /// The number.
    #[serde(default)]
    pub number: u32,
}

/// Which endpoint is taken.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct LoadBalancer {
    /// `PASSTHROUGH` sends to the address that the client dialled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simple: Option<String>,
}

/// A named part of a host's endpoints.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subset {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Labels of its pods.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What differs from the rule's own policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_policy: Option<TrafficPolicy>,
}

/// How a client secures its connections.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientTlsSettings {
    /// How; `DISABLE` if absent (the zero value of the field in Istio).
    #[serde(default, deserialize_with = "null_is_default")]
    pub mode: ClientTlsMode,
    /// PEM chain of the client (MUTUAL).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// PEM key of the client (MUTUAL).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<String>,
    /// PEM roots that verify the server; the system's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certificates: Option<String>,
    /// A Secret that holds all of the above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_name: Option<String>,
    /// Names of which one must be in the server's certificate.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub subject_alt_names: Vec<String>,
    /// The server name sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// Whether the server's certificate is taken unseen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure_skip_verify: Option<bool>,
}

/// The client side of transport security.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientTlsMode {
    /// Plaintext.
    #[default]
    Disable,
    /// Mutual TLS with the certificate of the mesh.
    IstioMutual,
    /// Mutual TLS with a certificate of the rule's own.
    Mutual,
    /// TLS without a client certificate.
    Simple,
}

impl std::fmt::Display for ClientTlsMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Disable => "DISABLE",
            Self::IstioMutual => "ISTIO_MUTUAL",
            Self::Mutual => "MUTUAL",
            Self::Simple => "SIMPLE",
        })
    }
}
