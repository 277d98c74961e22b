//! Who may do what: roles and bindings (`rbac.authorization.k8s.io`).

use std::{borrow::Cow, sync::Arc};

use serde_json::Value;

use super::{
    Server,
    path::{ResourcePath, Verb},
    status::{GroupResource, Status},
};
use crate::embedded::{
    auth::{MASTERS, User},
    objects::selector::FieldSelector,
    store::Key,
};

/// Something that somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action<'a> {
    /// To a path that is no resource.
    Path {
        /// The verb: a method in lower case.
        verb: &'a str,
        /// The path.
        path: &'a str,
    },
    /// To a resource.
    Resource {
        /// The verb.
        verb: &'a str,
        /// The API group.
        group: &'a str,
        /// The plural.
        resource: &'a str,
        /// The subresource, or nothing.
        subresource: &'a str,
        /// The namespace, or nothing.
        namespace: &'a str,
        /// The name, or nothing.
        name: &'a str,
    },
}

impl<'a> Action<'a> {
    /// What a request to a resource wants to do. One that is about all objects but selects one by its name is, for
    /// the rules, about that one.
    pub fn of(verb: Verb, target: &'a ResourcePath, selected: &'a FieldSelector) -> Self {
        let selects = matches!(verb, Verb::DeleteCollection | Verb::List | Verb::Watch);
        let selected = selected.requires_exact_match("metadata.name").filter(|_| selects);
        Self::Resource {
            verb: verb.as_str(),
            group: &target.group,
            resource: &target.resource,
            subresource: target.subresource.as_deref().unwrap_or_default(),
            namespace: target.namespace.as_deref().unwrap_or_default(),
            name: target.name.as_deref().or(selected).unwrap_or_default(),
        }
    }

    fn namespace(self) -> &'a str {
        match self {
            Self::Path { .. } => "",
            Self::Resource { namespace, .. } => namespace,
        }
    }

    fn allowed_by(self, rule: &Value) -> bool {
        match self {
            Self::Path { verb, path } => {
                has(&rule["verbs"], verb)
                    && texts(&rule["nonResourceURLs"]).any(|pattern| match pattern.strip_suffix('*') {
                        Some(prefix) => path.starts_with(prefix),
                        None => path == pattern,
                    })
            }
            Self::Resource { verb, group, resource, subresource, name, .. } => {
                let whole = match subresource {
                    "" => Cow::Borrowed(resource),
                    subresource => Cow::Owned(format!("{resource}/{subresource}")),
                };
                let any_resource = format!("*/{subresource}");
                let matches = |pattern: &str| {
                    pattern == "*" || pattern == whole || (!subresource.is_empty() && pattern == any_resource)
                };
                let names = &rule["resourceNames"];
                has(&rule["verbs"], verb)
                    && has(&rule["apiGroups"], group)
                    && texts(&rule["resources"]).any(matches)
                    && (texts(names).next().is_none() || texts(names).any(|allowed| allowed == name))
            }
        }
    }
}

pub(super) fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn has(list: &Value, wanted: &str) -> bool {
    texts(list).any(|text| text == "*" || text == wanted)
}

impl Server {
    /// Whether a user may do something, and by which binding.
    pub(super) fn decide(&self, user: &User, action: Action<'_>) -> Option<String> {
        if user.is_in(MASTERS) {
            return Some(String::new());
        }
        let cluster = self.store().list("clusterrolebindings.rbac.authorization.k8s.io", None).0;
        if let Some(reason) = self.granted(user, action, &cluster, "") {
            return Some(reason);
        }
        let namespace = action.namespace();
        if namespace.is_empty() {
            return None;
        }
        let own = self.store().list("rolebindings.rbac.authorization.k8s.io", Some(namespace)).0;
        self.granted(user, action, &own, namespace)
    }

    /// All rules that hold for a user in a namespace.
    pub(super) fn rules_of(&self, user: &User, namespace: &str) -> Vec<Value> {
        let mut rules = Vec::new();
        for (bindings, place) in [("clusterrolebindings", ""), ("rolebindings", namespace)].map(|(plural, place)| {
            let scope = Some(place).filter(|place| !place.is_empty());
            (self.store().list(&format!("{plural}.rbac.authorization.k8s.io"), scope).0, place)
        }) {
            for binding in &bindings {
                let mut subjects = binding["subjects"].as_array().into_iter().flatten();
                if subjects.any(|subject| is_subject(subject, user, place)) {
                    let role = self.role_of(binding, place);
                    let own = role.iter().flat_map(|role| role["rules"].as_array().into_iter().flatten());
                    rules.extend(own.cloned());
                }
            }
        }
        rules
    }

    /// The role that a binding names.
    fn role_of(&self, binding: &Value, namespace: &str) -> Option<Arc<Value>> {
        let (kind, name) = (binding["roleRef"]["kind"].as_str()?, binding["roleRef"]["name"].as_str()?);
        match kind {
            "ClusterRole" => self.store().get("clusterroles.rbac.authorization.k8s.io", &Key::new("", name)),
            _ => self.store().get("roles.rbac.authorization.k8s.io", &Key::new(namespace, name)),
        }
    }

    fn granted(&self, user: &User, action: Action<'_>, bindings: &[Arc<Value>], namespace: &str) -> Option<String> {
        bindings.iter().find_map(|binding| {
            let subjects = binding["subjects"].as_array().into_iter().flatten();
            let subject = subjects.into_iter().find(|subject| is_subject(subject, user, namespace))?;
            let (kind, name) = (binding["roleRef"]["kind"].as_str()?, binding["roleRef"]["name"].as_str()?);
            let role = self.role_of(binding, namespace)?;
            let mut rules = role["rules"].as_array().into_iter().flatten();
            rules.any(|rule| action.allowed_by(rule)).then(|| reason(binding, subject, kind, name, namespace))
        })
    }

    /// Refuses what the user may not do.
    pub(super) fn authorize(&self, user: &User, action: Action<'_>) -> Result<(), Status> {
        if self.decide(user, action).is_some() {
            return Ok(());
        }
        let who = &user.name;
        match action {
            Action::Path { verb, path } => {
                let why = format!("User {who:?} cannot {verb} path {path:?}");
                Err(Status::forbidden(GroupResource { group: "", resource: "" }, "", &why))
            }
            Action::Resource { verb, group, resource, subresource, namespace, name } => {
                let whole = match subresource {
                    "" => Cow::Borrowed(resource),
                    subresource => Cow::Owned(format!("{resource}/{subresource}")),
                };
                let scope = match namespace {
                    "" => "at the cluster scope".to_owned(),
                    namespace => format!("in the namespace {namespace:?}"),
                };
                let why = format!("User {who:?} cannot {verb} resource {whole:?} in API group {group:?} {scope}");
                Err(Status::forbidden(GroupResource { group, resource }, name, &why))
            }
        }
    }
}

fn is_subject(subject: &Value, user: &User, namespace: &str) -> bool {
    let name = subject["name"].as_str().unwrap_or_default();
    match subject["kind"].as_str() {
        Some("User") => user.name == name,
        Some("Group") => user.is_in(name),
        Some("ServiceAccount") => {
            let namespace = subject["namespace"].as_str().unwrap_or(namespace);
            user.name == format!("system:serviceaccount:{namespace}:{name}")
        }
        _ => false,
    }
}

/// Why something is allowed, in Kubernetes' words.
fn reason(binding: &Value, subject: &Value, kind: &str, role: &str, namespace: &str) -> String {
    let name = binding["metadata"]["name"].as_str().unwrap_or_default();
    let (binding_kind, place) = match namespace {
        "" => ("ClusterRoleBinding", name.to_owned()),
        namespace => ("RoleBinding", format!("{name}/{namespace}")),
    };
    let (subject_kind, subject_name) =
        (subject["kind"].as_str().unwrap_or_default(), subject["name"].as_str().unwrap_or_default());
    let whom = match subject["namespace"].as_str() {
        Some(namespace) if subject_kind == "ServiceAccount" => format!("{subject_name}/{namespace}"),
        _ => subject_name.to_owned(),
    };
    format!("RBAC: allowed by {binding_kind} {place:?} of {kind} {role:?} to {subject_kind} {whom:?}")
}
