//! Which DestinationRule applies to a client's calls to a host, and what it says about one port and subset.
//!
//! Namespaces are asked in turn (client's, service's, root); the first that has a match ends the search. Inside one
//! namespace an exact host comes before wildcards, and rules for one host are merged, oldest first.

use std::collections::{BTreeSet, HashMap};

use super::{Index, ServiceId};
use crate::mesh::{
    resources::{ClientTlsMode, ClientTlsSettings, DestinationRule, Metadata, Resource, Subset, TrafficPolicy},
    snapshot::{Labels, Snapshot, Workload, contains},
    validate::Path,
};

/// A rule in effect: one DestinationRule, or several that were merged.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RuleId(usize);

/// What one or several DestinationRules for a host say together.
#[derive(Clone, Debug)]
pub struct EffectiveRule {
    /// The rule that gives its name to the result: the oldest.
    pub metadata: Metadata,
    /// All that took part, oldest first.
    pub parts: Vec<Metadata>,
    /// The host, resolved to its full name.
    pub host: String,
    /// The policy of the oldest rule that has one.
    pub traffic_policy: Option<TrafficPolicy>,
    /// The subsets of all; the older definition of a name holds.
    pub subsets: Vec<Subset>,
    /// The clients that it is limited to.
    pub workload_selector: Option<Labels>,
    export_to: BTreeSet<String>,
}

/// All rules of a snapshot, by who may use them and for which host.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<EffectiveRule>,
    root_namespace: String,
    /// What clients of a namespace find in it; in the root namespace only the private rules.
    local: HashMap<String, HostTable>,
    /// What clients of other namespaces find in it.
    exported: HashMap<String, HostTable>,
}

/// Rules by host.
#[derive(Debug, Default)]
struct HostTable {
    exact: HashMap<String, Vec<RuleId>>,
    /// By what follows the `*`.
    suffixes: HashMap<String, Vec<RuleId>>,
    /// The lengths of those suffixes, longest first.
    lengths: Vec<usize>,
}

/// What a rule says about one port and subset.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortPolicy<'a> {
    /// The transport security; `None` leaves it to auto mTLS.
    pub(super) tls: Option<&'a ClientTlsSettings>,
    /// How endpoints are marked where auto mTLS decides; `None` looks at the endpoint itself.
    ///
    /// Istio takes this from the top level of the policy even where a port entry has replaced that policy.
    pub(super) mark: Option<ClientTlsMode>,
    /// Whether the address that the client dialled is kept.
    pub(super) passthrough: bool,
}

impl HostTable {
    fn slot(&mut self, host: &str) -> &mut Vec<RuleId> {
        let Some(suffix) = host.strip_prefix('*') else { return self.exact.entry(host.to_owned()).or_default() };
        if let Err(place) = self.lengths.binary_search_by(|length| suffix.len().cmp(length)) {
            self.lengths.insert(place, suffix.len());
        }
        self.suffixes.entry(suffix.to_owned()).or_default()
    }

    fn find(&self, host: &str) -> &[RuleId] {
        if let Some(rules) = self.exact.get(host) {
            return rules;
        }
        let ending = |length: &usize| host.len().checked_sub(*length).and_then(|start| host.get(start..));
        let suffixes = self.lengths.iter().filter_map(ending);
        suffixes.filter_map(|suffix| self.suffixes.get(suffix)).next().map_or(&[], Vec::as_slice)
    }
}

impl Rules {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut index = Self { root_namespace: snapshot.settings.root_namespace.clone(), ..Self::default() };
        let mut by_age: Vec<&Resource<DestinationRule>> = snapshot.destination_rules.iter().collect();
        // Rules with a selector go first, whatever their age: a client that one of them selects takes it.
        by_age.sort_by(|a, b| {
            let unselective = |rule: &Resource<DestinationRule>| rule.spec.workload_selector.is_none();
            unselective(a).cmp(&unselective(b)).then_with(|| a.metadata.by_age(&b.metadata))
        });
        for rule in by_age {
            index.insert(&snapshot.settings.cluster_domain, rule);
        }
        index
    }

    fn insert(&mut self, cluster_domain: &str, resource: &Resource<DestinationRule>) {
        let rule = EffectiveRule::new(cluster_domain, resource);
        let namespace = &resource.metadata.namespace;
        let own = rule.exported_to_own();
        let private = own && rule.export_to.len() == 1 && !rule.export_to.contains("*");
        if own && (private || *namespace != self.root_namespace) {
            let table = self.local.entry(namespace.clone()).or_default();
            merge(&mut self.rules, table, rule.clone());
        }
        if !private {
            let table = self.exported.entry(namespace.clone()).or_default();
            merge(&mut self.rules, table, rule);
        }
    }

    /// The rules of `namespace` for `host` that clients of other namespaces may find.
    pub(super) fn exported(&self, namespace: &str, host: &str) -> Vec<RuleId> {
        self.exported.get(namespace).map_or_else(Vec::new, |table| table.find(host).to_vec())
    }
}

/// Adds a younger rule to those of its host: into the first that it may be merged with, else beside them.
fn merge(rules: &mut Vec<EffectiveRule>, table: &mut HostTable, rule: EffectiveRule) {
    let slot = table.slot(&rule.host);
    match slot.iter().find(|id| rules[id.0].absorbs(&rule)) {
        Some(id) => rules[id.0].absorb(rule),
        None => {
            slot.push(RuleId(rules.len()));
            rules.push(rule);
        }
    }
}

impl EffectiveRule {
    fn new(cluster_domain: &str, resource: &Resource<DestinationRule>) -> Self {
        let Resource { metadata, spec } = resource;
        let workload_selector = spec.workload_selector.as_ref().map(|selector| selector.match_labels.clone());
        // A rule with a selector never leaves its namespace, whatever it says.
        let export_to = match workload_selector {
            Some(_) => BTreeSet::from([".".to_owned()]),
            None => spec.export_to.iter().cloned().collect(),
        };
        Self {
            metadata: metadata.clone(),
            parts: vec![metadata.clone()],
            host: full_host(&spec.host, &metadata.namespace, cluster_domain),
            traffic_policy: spec.traffic_policy.clone(),
            subsets: spec.subsets.clone(),
            workload_selector,
            export_to,
        }
    }

    fn exported_to_own(&self) -> bool {
        let own = |to: &String| to == "." || to == "*" || *to == self.metadata.namespace;
        self.export_to.is_empty() || self.export_to.iter().any(own)
    }

    fn exported_to(&self, namespace: &str) -> bool {
        let meant = |to: &String| to == "*" || to == namespace || (to == "." && self.metadata.namespace == namespace);
        self.export_to.is_empty() || self.export_to.iter().any(meant)
    }

    /// Rules are merged if they are exported alike. A rule without selector that is private to its namespace is even
    /// merged into one with a selector, which is always private (an oversight of Istio that is kept).
    fn absorbs(&self, younger: &Self) -> bool {
        let selectors_agree =
            younger.workload_selector.is_none() || self.workload_selector == younger.workload_selector;
        self.export_to == younger.export_to && selectors_agree
    }

    fn absorb(&mut self, younger: Self) {
        self.parts.extend(younger.parts);
        for subset in younger.subsets {
            if self.subset(&subset.name).is_none() {
                self.subsets.push(subset);
            }
        }
        if self.traffic_policy.is_none() {
            self.traffic_policy = younger.traffic_policy;
        }
    }

    /// The subset of this name.
    pub fn subset(&self, name: &str) -> Option<&Subset> {
        self.subsets.iter().find(|subset| subset.name == name)
    }

    /// Where the rule says what it says about the TLS of a Service port.
    ///
    /// Of a subset that several rules define, or that has an entry for the port, the place is the subset's policy.
    pub(super) fn deciding(&self, port: u16, subset: Option<&str>) -> Path {
        let own = subset.and_then(|name| self.subsets.iter().position(|subset| subset.name == name));
        let of_subset = own.and_then(|position| Some((position, self.subsets[position].traffic_policy.as_ref()?)));
        let refined = of_subset.filter(|(_, policy)| policy.tls.is_some() || policy.port(port).is_some());
        let (base, policy) = match refined {
            Some((position, policy)) => (Path::of(&["spec", "subsets"]).index(position), Some(policy)),
            None => (Path::of(&["spec"]), self.traffic_policy.as_ref()),
        };
        let base = base.key("trafficPolicy");
        let entries = policy.map(|policy| policy.port_level_settings.as_slice()).unwrap_or_default();
        let entry = entries.iter().position(|entry| entry.port.as_ref().is_some_and(|it| it.number == u32::from(port)));
        entry.map_or(base.clone(), |position| base.key("portLevelSettings").index(position)).key("tls").key("mode")
    }

    /// What the rule says about a Service port, for all endpoints or one subset.
    pub(super) fn port_policy(&self, port: u16, subset: Option<&str>) -> PortPolicy<'_> {
        let top = self.traffic_policy.as_ref();
        let mut effective = Parts::of(top, port);
        let own = subset.and_then(|name| self.subset(name)).map(|subset| subset.traffic_policy.as_ref());
        if let Some(Some(policy)) = own {
            effective.refine(policy, port);
        }
        let marked_by = match subset {
            None => top,
            Some(_) => own.flatten(),
        };
        PortPolicy {
            tls: effective.tls,
            mark: marked_by.and_then(|policy| mark(policy, port)),
            passthrough: effective.balancer == Some("PASSTHROUGH"),
        }
    }
}

/// The parts of a traffic policy that have an effect here.
#[derive(Default)]
struct Parts<'a> {
    tls: Option<&'a ClientTlsSettings>,
    balancer: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// The policy for a port: an entry of its own replaces the whole, it does not refine it.
    fn of(policy: Option<&'a TrafficPolicy>, port: u16) -> Self {
        let Some(policy) = policy else { return Self::default() };
        let (tls, balancer) = match policy.port(port) {
            Some(entry) => (&entry.tls, &entry.load_balancer),
            None => (&policy.tls, &policy.load_balancer),
        };
        Self { tls: tls.as_ref(), balancer: balancer.as_ref().and_then(|balancer| balancer.simple.as_deref()) }
    }

    /// Applies the policy of a subset: it refines what was there, unless it has an entry for the port.
    fn refine(&mut self, policy: &'a TrafficPolicy, port: u16) {
        let own = Self::of(Some(policy), port);
        let replaces = policy.port(port).is_some();
        if replaces || own.tls.is_some() {
            self.tls = own.tls;
        }
        if replaces || own.balancer.is_some() {
            self.balancer = own.balancer;
        }
    }
}

fn mark(policy: &TrafficPolicy, port: u16) -> Option<ClientTlsMode> {
    let at_port = policy.port(port).and_then(|entry| entry.tls.as_ref());
    at_port.or(policy.tls.as_ref()).map(|tls| tls.mode)
}

/// The full name that a rule of `namespace` means by `host`.
///
/// Only a name without a dot is short: `httpbin.foo` is taken as it stands, and then matches no Service.
pub(crate) fn full_host(host: &str, namespace: &str, cluster_domain: &str) -> String {
    if host.contains('.') || host == "*" || host.parse::<std::net::IpAddr>().is_ok() {
        return host.to_owned();
    }
    format!("{host}.{namespace}.svc.{cluster_domain}")
}

impl Index {
    /// A rule's data.
    pub fn rule(&self, id: RuleId) -> &EffectiveRule {
        &self.rules.rules[id.0]
    }

    /// The rule that applies when `client` calls `service`.
    pub fn select_rule(&self, client: &Workload, service: ServiceId) -> Option<RuleId> {
        if let Some(table) = self.rules.local.get(&client.namespace) {
            let found = table.find(&self.service(service).host);
            if !found.is_empty() {
                return self.pick(found, client);
            }
        }
        let facts = self.facts(service);
        let visible = |rules: &[RuleId]| {
            let mut newest_first = rules.iter().rev();
            newest_first.find(|id| self.rule(**id).exported_to(&client.namespace)).copied()
        };
        visible(&facts.own_rules).or_else(|| visible(&facts.root_rules))
    }

    /// Among the rules of the client's own namespace: the oldest that selects it, else the newest without selector.
    fn pick(&self, found: &[RuleId], client: &Workload) -> Option<RuleId> {
        let selecting = |id: &&RuleId| {
            self.rule(**id).workload_selector.as_ref().is_some_and(|labels| contains(&client.labels, labels))
        };
        let general = |id: &&RuleId| self.rule(**id).workload_selector.is_none();
        found.iter().find(selecting).or_else(|| found.iter().rev().find(general)).copied()
    }
}
