//! Nobody gives away what they do not have: the check on writing roles and bindings.
//!
//! Who writes a role must hold every right in it, or the verb `escalate` on roles. Who binds a role must hold every
//! right of the role, or the verb `bind` on it.

use serde_json::{Value, json};

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
        let rights = rules.as_array().into_iter().flatten().flat_map(rights);
        let lacking = compacted(rights.filter(|right| !self.holds(&call.user, namespace, right)));
        if lacking.is_empty() {
            return Ok(());
        }
        let mut shown: Vec<String> = lacking.iter().map(|right| format!("\n{{{}}}", compact(right))).collect();
        shown.sort();
        let why = format!(
            "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:{}",
            call.user.name,
            go_list(call.user.groups.iter().map(String::as_str)),
            shown.concat()
        );
        Err(Status::forbidden(call.resource.name(), name, &why))
    }

    /// Whether a user holds a single right.
    fn holds(&self, user: &User, namespace: &str, right: &Value) -> bool {
        let first = |field: &str| texts(&right[field]).next();
        let verb = first("verbs").unwrap_or_default();
        if let Some(path) = first("nonResourceURLs") {
            return self.decide(user, Action::Path { verb, path }).is_some();
        }
        let (group, whole) = (first("apiGroups").unwrap_or_default(), first("resources").unwrap_or_default());
        let (resource, subresource) = whole.split_once('/').unwrap_or((whole, ""));
        // Without names a rule is about all of them, which an action without a name stands for.
        let name = first("resourceNames").unwrap_or_default();
        let action = Action::Resource { verb, group, resource, subresource, namespace, name };
        self.decide(user, action).is_some()
    }
}

/// The single rights that a rule consists of.
fn rights(rule: &Value) -> Vec<Value> {
    let mut rights = Vec::new();
    for verb in texts(&rule["verbs"]) {
        rights.extend(texts(&rule["nonResourceURLs"]).map(|path| json!({"nonResourceURLs": [path], "verbs": [verb]})));
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let right = json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]});
                let named: Vec<Value> = texts(&rule["resourceNames"])
                    .map(|name| {
                        let mut right = right.clone();
                        right["resourceNames"] = json!([name]);
                        right
                    })
                    .collect();
                if named.is_empty() { rights.push(right) } else { rights.extend(named) }
            }
        }
    }
    rights
}

/// Rights to the same thing as one rule, unless they are to objects by name.
fn compacted(rights: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut rules: Vec<Value> = Vec::new();
    for right in rights {
        let same = |rule: &&mut Value| {
            right["resources"].is_array()
                && right["resourceNames"].is_null()
                && ["apiGroups", "resources", "resourceNames"].iter().all(|&field| rule[field] == right[field])
        };
        match (rules.iter_mut().find(same), &right["verbs"]) {
            (Some(rule), Value::Array(more)) => {
                let verbs = rule["verbs"].as_array().into_iter().flatten().chain(more).cloned().collect();
                rule["verbs"] = Value::Array(verbs);
            }
            _ => rules.push(right),
        }
    }
    rules
}

/// A list of texts as Go prints it.
fn go_list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.map(|text| format!("{text:?}")).collect();
    format!("[{}]", texts.join(" "))
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
    let given = fields.iter().filter(|(_, field)| texts(&rule[*field]).next().is_some());
    let shown = given.map(|(shown, field)| format!("{shown}:{}", go_list(texts(&rule[*field]))));
    shown.collect::<Vec<_>>().join(", ")
}
