//! What a client's proxy does towards one endpoint: the rule that applies, else auto mTLS, else plaintext.

use super::{Index, RuleId, ServiceId, WorkloadId, destination::PortPolicy};
use crate::mesh::{
    mode::Mode,
    resources::{ClientTlsMode, ClientTlsSettings, Metadata},
    snapshot::{Role, Service, ServicePort, Workload, contains},
    validate::Path,
};

/// A Service port that is called, and which part of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target<'a> {
    /// The Service.
    pub service: ServiceId,
    /// The Service port.
    pub port: u16,
    /// The subset, if a route names one.
    pub subset: Option<&'a str>,
}

/// A pod behind a Service port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// The pod.
    pub workload: WorkloadId,
    /// Its workload port.
    pub port: u16,
}

/// What a client's proxy does towards an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientSetting {
    /// How connections are secured; `DISABLE` means plaintext on the wire.
    pub mode: ClientTlsMode,
    /// Whether auto mTLS decided, because no rule did.
    pub auto: bool,
    /// The rule that applies, whether or not it says anything of TLS.
    pub rule: Option<Metadata>,
    /// Where in that rule, if it decides.
    pub field: Option<Path>,
    /// The settings of the rule, where they are in force.
    pub tls: Option<ClientTlsSettings>,
    /// The server name sent; for SIMPLE and MUTUAL without one, the `Host` header is.
    pub sni: Option<String>,
    /// Names of which one must be in the server's certificate; none means that names are not looked at.
    pub sans: Vec<String>,
    /// Why, from top to bottom.
    pub reasons: Vec<String>,
}

/// What the cluster of a client does: the same for all its endpoints, or settled endpoint by endpoint.
pub(crate) enum Plan<'a> {
    /// Auto mTLS looks at every endpoint.
    Automatic(Option<ClientTlsMode>),
    /// Auto mTLS uses mutual TLS towards all.
    AutomaticMutual(&'static str),
    /// The rule is followed as written.
    Explicit(&'a ClientTlsSettings),
    /// Plaintext to all, with the reason, and whether auto mTLS decided so.
    Plaintext(String, bool),
}

impl Index {
    /// The pods behind a Service port, with their workload ports, in one subset of the rule if one is named.
    pub fn target_endpoints(&self, client: &Workload, target: Target<'_>) -> Vec<Endpoint> {
        let service = self.service(target.service);
        let Some(port) = service.ports.iter().find(|port| port.port == target.port) else { return Vec::new() };
        let subset = target.subset.and_then(|name| {
            let rule = self.select_rule(client, target.service)?;
            self.rule(rule).subset(name).map(|subset| &subset.labels)
        });
        let endpoints = self.endpoints(target.service).iter().filter_map(|&workload| {
            let data = self.workload(workload);
            let wanted = subset.is_none_or(|labels| contains(&data.labels, labels));
            let port = service.target(port, data).filter(|_| wanted)?;
            Some(Endpoint { workload, port })
        });
        endpoints.collect()
    }

    /// What the proxy of `client` does towards a Service port, at one endpoint or (without one) in general.
    pub fn client_setting(&self, client: WorkloadId, target: Target<'_>, endpoint: Option<Endpoint>) -> ClientSetting {
        let data = self.workload(client);
        if !data.sidecar {
            return ClientSetting::plaintext(None, false, "no sidecar: no rule and no auto mTLS");
        }
        let selected = self.select_rule(data, target.service);
        let mut reasons = vec![self.rule_reason(data, target.service, selected)];
        let rule = selected.map(|rule| self.rule(rule).metadata.clone());
        match self.plan(data.role, selected, target) {
            Plan::Explicit(tls) => {
                reasons.push(format!("it sets {}", tls.mode));
                let field = selected.map(|rule| self.rule(rule).deciding(target.port, target.subset));
                ClientSetting { field, ..self.explicit(target, tls, rule, reasons) }
            }
            Plan::Plaintext(reason, auto) => {
                reasons.push(reason);
                ClientSetting { reasons, ..ClientSetting::plaintext(rule, auto, "") }
            }
            Plan::AutomaticMutual(reason) => {
                reasons.push(reason.to_owned());
                self.automatic(target, rule, reasons)
            }
            Plan::Automatic(mark) => {
                let (mutual, reason) = self.endpoint_mutual(mark, endpoint);
                reasons.push(reason);
                match mutual {
                    true => self.automatic(target, rule, reasons),
                    false => ClientSetting { reasons, ..ClientSetting::plaintext(rule, true, "") },
                }
            }
        }
    }

    /// What is settled for all endpoints of a Service port.
    pub(crate) fn plan(&self, role: Role, rule: Option<RuleId>, target: Target<'_>) -> Plan<'_> {
        let rule = rule.map(|rule| self.rule(rule));
        let none = PortPolicy { tls: None, mark: None, passthrough: false };
        let policy = rule.map_or(none, |rule| rule.port_policy(target.port, target.subset));
        if let Some(tls) = policy.tls {
            let selective = rule.is_some_and(|rule| rule.workload_selector.is_some());
            return match unusable_credential(role, selective, tls) {
                true => Plan::Plaintext(
                    "a sidecar reads `credentialName` only from rules with a workloadSelector: plaintext".to_owned(),
                    false,
                ),
                false => Plan::Explicit(tls),
            };
        }
        self.automatic_plan(target, policy)
    }

    fn automatic_plan(&self, target: Target<'_>, policy: PortPolicy<'_>) -> Plan<'_> {
        let service = self.service(target.service);
        if !self.settings().enable_auto_mtls {
            return Plan::Plaintext("auto mTLS is off: plaintext".to_owned(), false);
        }
        if service.external {
            return Plan::Plaintext("the destination is outside the mesh: plaintext".to_owned(), false);
        }
        if let Some(reason) = self.coarse_switch(service, target) {
            return Plan::Plaintext(reason, true);
        }
        if !service.headless && !policy.passthrough {
            return Plan::Automatic(policy.mark);
        }
        let endpoints = self.endpoints(target.service);
        if endpoints.is_empty() {
            return Plan::Plaintext(
                "decided for the Service as a whole, which has no endpoint: plaintext".to_owned(),
                true,
            );
        }
        match endpoints.iter().find(|&&endpoint| !self.workload(endpoint).advertises_mtls()) {
            Some(&naked) => {
                let name = &self.workload(naked).name;
                let reason = format!("decided for the Service as a whole, and {name} has no sidecar: plaintext to all");
                Plan::Plaintext(reason, true)
            }
            None => Plan::AutomaticMutual("decided for the Service as a whole: all endpoints have sidecars"),
        }
    }

    /// Why auto mTLS is off for all of a Service, if it is: workload policies are not looked at here.
    fn coarse_switch(&self, service: &Service, target: Target<'_>) -> Option<String> {
        let wide = self.namespace_mode(&service.namespace).or_else(|| {
            let port = service.ports.iter().find(|port| port.port == target.port)?;
            Some(self.legacy_service_mode(target.service, port))
        })?;
        (wide.value == Mode::Disable).then(|| {
            let because = wide.by.map_or_else(|| wide.reasons.concat(), |metadata| metadata.to_string());
            format!("auto mTLS reads namespace and mesh only, where {because} means DISABLE: plaintext")
        })
    }

    /// Whether auto mTLS uses mutual TLS towards one endpoint, or without one towards those that can.
    pub(crate) fn endpoint_mutual(&self, mark: Option<ClientTlsMode>, endpoint: Option<Endpoint>) -> (bool, String) {
        if let Some(mark) = mark {
            let reason = format!(
                "a port entry without tls makes the port automatic, but its policy's {mark} marks the endpoints"
            );
            return (mark == ClientTlsMode::IstioMutual, reason);
        }
        let Some(endpoint) = endpoint else {
            return (true, "auto mTLS: mutual TLS to endpoints with a sidecar".to_owned());
        };
        let name = &self.workload(endpoint.workload).name;
        if !self.workload(endpoint.workload).advertises_mtls() {
            return (false, format!("auto mTLS: {name} has no sidecar (no label tlsMode: istio)"));
        }
        match self.mode(endpoint.workload, endpoint.port) {
            Mode::Disable => (false, format!("auto mTLS: {name} is DISABLE on port {}", endpoint.port)),
            mode => (true, format!("auto mTLS: {name} has a sidecar and is {mode} on port {}", endpoint.port)),
        }
    }

    /// The same without a word of explanation.
    pub(crate) fn endpoint_mutual_quick(&self, mark: Option<ClientTlsMode>, workload: WorkloadId, port: u16) -> bool {
        match mark {
            Some(mark) => mark == ClientTlsMode::IstioMutual,
            None => self.workload(workload).advertises_mtls() && self.mode(workload, port) != Mode::Disable,
        }
    }

    fn rule_reason(&self, client: &Workload, service: ServiceId, rule: Option<RuleId>) -> String {
        let host = &self.service(service).host;
        let Some(rule) = rule.map(|rule| self.rule(rule)) else {
            return format!(
                "no DestinationRule of {}, the service or the root namespace applies to {host}",
                client.namespace
            );
        };
        match rule.parts.len() {
            1 => format!("{} applies to {host}", rule.metadata),
            several => format!("{} applies to {host}, merged from {several} rules", rule.metadata),
        }
    }

    fn explicit(
        &self,
        target: Target<'_>,
        tls: &ClientTlsSettings,
        rule: Option<Metadata>,
        reasons: Vec<String>,
    ) -> ClientSetting {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (sni, sans) = match tls.mode {
            ClientTlsMode::Disable => (None, Vec::new()),
            ClientTlsMode::IstioMutual => {
                let sans = match tls.subject_alt_names.is_empty() {
                    true => self.accounts(target.service).to_vec(),
                    false => tls.subject_alt_names.clone(),
                };
                (given(&tls.sni).or_else(|| Some(self.server_name(target))), sans)
            }
            ClientTlsMode::Mutual | ClientTlsMode::Simple => (given(&tls.sni), tls.subject_alt_names.clone()),
        };
        ClientSetting { mode: tls.mode, auto: false, rule, field: None, tls: Some(tls.clone()), sni, sans, reasons }
    }

    fn automatic(&self, target: Target<'_>, rule: Option<Metadata>, reasons: Vec<String>) -> ClientSetting {
        let sans = self.accounts(target.service).to_vec();
        let sni = Some(self.server_name(target));
        ClientSetting { mode: ClientTlsMode::IstioMutual, auto: true, rule, field: None, tls: None, sni, sans, reasons }
    }

    /// The server name of the mesh's mutual TLS, `outbound_.8000_.v1_.httpbin.foo.svc.cluster.local`.
    pub(crate) fn server_name(&self, target: Target<'_>) -> String {
        let subset = target.subset.unwrap_or_default();
        format!("outbound_.{}_.{subset}_.{}", target.port, self.service(target.service).host)
    }

    /// A Service's port by number.
    pub fn service_port(&self, target: Target<'_>) -> Option<&ServicePort> {
        self.service(target.service).ports.iter().find(|port| port.port == target.port)
    }
}

impl ClientSetting {
    /// Plaintext on the wire.
    pub(super) fn plaintext(rule: Option<Metadata>, auto: bool, reason: &str) -> Self {
        let mode = ClientTlsMode::Disable;
        Self { mode, auto, rule, field: None, tls: None, sni: None, sans: Vec::new(), reasons: vec![reason.to_owned()] }
    }
}

fn unusable_credential(role: Role, selective: bool, tls: &ClientTlsSettings) -> bool {
    let by_secret = matches!(tls.mode, ClientTlsMode::Mutual | ClientTlsMode::Simple)
        && tls.credential_name.as_ref().is_some_and(|name| !name.is_empty() && !name.starts_with("configmap://"));
    by_secret && role == Role::Sidecar && !selective
}
