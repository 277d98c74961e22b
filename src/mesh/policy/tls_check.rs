//! The row that `istioctl authn tls-check` printed for a Service port, up to Istio 1.4.

use std::fmt;

use super::{Decision, Index, Target, WorkloadId};
use crate::mesh::{
    mode::Mode,
    resources::{ClientTlsMode, Metadata},
};

/// One row: what server and client do, and whether that goes together.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsCheck {
    /// Whether it goes together.
    pub status: TlsStatus,
    /// What the server accepts.
    pub server: Mode,
    /// What the rule sets; `None` if no rule sets anything.
    pub client: Option<ClientTlsMode>,
    /// The policy that decided for the server.
    pub policy: Option<Metadata>,
    /// The rule that applies.
    pub rule: Option<Metadata>,
}

/// Whether server and client go together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TlsStatus {
    /// Auto mTLS sees to it.
    Auto,
    /// They do not.
    Conflict,
    /// They do, as far as this check can tell.
    Ok,
}

impl fmt::Display for TlsStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "AUTO",
            Self::Conflict => "CONFLICT",
            Self::Ok => "OK",
        })
    }
}

impl Index {
    /// Compares what a Service port accepts with what the rule makes `client` do; `None` without such a port.
    pub fn tls_check(&self, client: WorkloadId, target: Target<'_>) -> Option<TlsCheck> {
        let server = self.service_mode(target)?;
        let selected = self.select_rule(self.workload(client), target.service).map(|rule| self.rule(rule));
        let settings = selected.and_then(|rule| rule.port_policy(target.port, target.subset).tls);
        let client = settings.map(|tls| tls.mode);
        let status = match (client, server.value) {
            (None, _) if self.settings().enable_auto_mtls => TlsStatus::Auto,
            (None, _) => TlsStatus::Ok,
            (Some(ClientTlsMode::Disable), Mode::Disable | Mode::Permissive) => TlsStatus::Ok,
            (Some(ClientTlsMode::IstioMutual), Mode::Strict | Mode::Permissive) => TlsStatus::Ok,
            _ => TlsStatus::Conflict,
        };
        let rule = selected.map(|rule| rule.metadata.clone());
        Some(TlsCheck { status, server: server.value, client, policy: server.by, rule })
    }

    /// The mode of a Service port: that of its first endpoint, else what holds for its namespace.
    fn service_mode(&self, target: Target<'_>) -> Option<Decision<Mode>> {
        let service = self.service(target.service);
        let port = self.service_port(target)?;
        let endpoint = self.endpoints(target.service).iter().find_map(|&workload| {
            let number = service.target(port, self.workload(workload))?;
            self.levels[workload.0].any().then(|| self.policy_mode(workload, number))
        });
        let wide = || self.namespace_mode(&service.namespace);
        Some(endpoint.or_else(wide).unwrap_or_else(|| self.legacy_service_mode(target.service, port)))
    }
}
