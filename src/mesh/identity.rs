//! Workload identities.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`, the identity of a workload.
///
/// Source: the SPIFFE ID specification, and Istio's `pkg/spiffe`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpiffeId {
    /// The trust domain, `cluster.local` by default.
    pub trust_domain: String,
    /// The workload's namespace.
    pub namespace: String,
    /// The workload's service account.
    pub service_account: String,
}

impl SpiffeId {
    /// Makes the identity of a service account. An `@` in the trust domain becomes `.`, as in Istio.
    pub fn new(trust_domain: &str, namespace: &str, service_account: &str) -> Self {
        Self {
            trust_domain: trust_domain.replace('@', "."),
            namespace: namespace.to_owned(),
            service_account: service_account.to_owned(),
        }
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/ns/{}/sa/{}", self.trust_domain, self.namespace, self.service_account)
    }
}

/// The text is not the identity of a workload.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a workload identity (spiffe://<trust domain>/ns/<namespace>/sa/<service account>)")]
pub struct NotASpiffeId(pub String);

impl FromStr for SpiffeId {
    type Err = NotASpiffeId;

    fn from_str(text: &str) -> Result<Self, NotASpiffeId> {
        let parts: Vec<&str> = text.strip_prefix("spiffe://").unwrap_or_default().split('/').collect();
        match parts[..] {
            [trust_domain, "ns", namespace, "sa", service_account]
                if [trust_domain, namespace, service_account].iter().all(|part| !part.is_empty()) =>
            {
                Ok(Self::new(trust_domain, namespace, service_account))
            }
            _ => Err(NotASpiffeId(text.to_owned())),
        }
    }
}

impl TryFrom<String> for SpiffeId {
    type Error = NotASpiffeId;

    fn try_from(text: String) -> Result<Self, NotASpiffeId> {
        text.parse()
    }
}

impl From<SpiffeId> for String {
    fn from(id: SpiffeId) -> Self {
        id.to_string()
    }
}
