//! Nobody gives away what they do not have: the check on writing roles and bindings.
//!
//! Who writes a role must hold every right in it, or the verb `escalate` on roles. Who binds a role must hold every
//! right of the role, or the verb `bind` on it.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    Server,
    call::Call,
    rbac::{Action, texts},
    status::Status,
};
use crate::embedded::{auth::User, store::Key};

const GROUP: &str = "rbac.authorization.k8s.io";

impl Server {
    /// Refuses a role or a binding that gives away more than its author has. Changes of other fields are free.
    pub(super) fn check_escalation(&self, call: &Call, object: &Value, before: Option<&Value>) -> Result<(), Status> {
        if call.resource.group != GROUP {
            return Ok(());
        }
        let unchanged = |fields: &[&str]| {
            before.is_some_and(|before| fields.iter().all(|&field| before.get(field) == object.get(field)))
        };
        let namespace = call.namespace().unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        match call.resource.plural.as_str() {
            "clusterroles" | "roles" => {
                let excused =
                    unchanged(&["rules"]) || self.may(&call.user, "escalate", &call.resource.plural, namespace, name);
                if excused { Ok(()) } else { self.check_rules(call, namespace, name, &object["rules"]) }
            }
            _ if unchanged(&["roleRef", "subjects"]) => Ok(()),
            _ => self.check_binding(call, namespace, name, &object["roleRef"]),
        }
    }

    fn check_binding(&self, call: &Call, namespace: &str, name: &str, reference: &Value) -> Result<(), Status> {
        let role = reference["name"].as_str().unwrap_or_default();
        let (plural, place) =
            if reference["kind"] == "ClusterRole" { ("clusterroles", "") } else { ("roles", namespace) };
        if self.may(&call.user, "bind", plural, namespace, role) {
            return Ok(());
        }
        let found = self.store().get(&format!("{plural}.{GROUP}"), &Key::new(place, role));
        let resource = super::status::GroupResource { group: GROUP, resource: plural };
        let found = found.ok_or_else(|| Status::not_found(resource, role))?;
        self.check_rules(call, namespace, name, &found["rules"])
    }

    fn may(&self, user: &User, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
        let action = Action::Resource { verb, group: GROUP, resource, subresource: "", namespace, name };
        self.decide(user, action).is_some()
    }

    fn check_rules(&self, call: &Call, namespace: &str, name: &str, rules: &Value) -> Result<(), Status> {
        let mut lacking = String::new();
        for rule in rules.as_array().into_iter().flatten().filter(|rule| !self.holds(&call.user, namespace, rule)) {
            _ = write!(lacking, "\n{{{}}}", compact(rule));
        }
        if lacking.is_empty() {
            return Ok(());
        }
        let why = format!(
            "user {:?} (groups={:?}) is attempting to grant RBAC permissions not currently held:{lacking}",
            call.user.name, call.user.groups
        );
        Err(Status::forbidden(call.resource.name(), name, &why))
    }

    /// Whether a user holds every right of a rule.
    fn holds(&self, user: &User, namespace: &str, rule: &Value) -> bool {
        let paths = || texts(&rule["nonResourceURLs"]);
        texts(&rule["verbs"]).all(|verb| {
            paths().all(|path| self.decide(user, Action::Path { verb, path }).is_some())
                && self.holds_resources(user, namespace, rule, verb)
        })
    }

    fn holds_resources(&self, user: &User, namespace: &str, rule: &Value, verb: &str) -> bool {
        let names: Vec<&str> = texts(&rule["resourceNames"]).collect();
        // Without names a rule is about all of them, which an action without a name stands for.
        let names = if names.is_empty() { vec![""] } else { names };
        texts(&rule["apiGroups"]).all(|group| {
            texts(&rule["resources"]).all(|whole| {
                let (resource, subresource) = whole.split_once('/').unwrap_or((whole, ""));
                names.iter().all(|&name| {
                    let action = Action::Resource { verb, group, resource, subresource, namespace, name };
                    self.decide(user, action).is_some()
                })
            })
        })
    }
}

/// A rule as Kubernetes' messages show it.
fn compact(rule: &Value) -> String {
    let fields = [
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("NonResourceURLs", "nonResourceURLs"),
        ("ResourceNames", "resourceNames"),
        ("Verbs", "verbs"),
    ];
    let shown = fields.iter().filter_map(|(shown, field)| {
        let values: Vec<&str> = texts(&rule[*field]).collect();
        (!values.is_empty()).then(|| format!("{shown}:{values:?}"))
    });
    shown.collect::<Vec<_>>().join(", ")
}
