//! Roles and bindings.

use serde_json::Value;

use super::{FieldError, invalid, is_unset, items, items_mut, required, set_default, unsupported};
use crate::embedded::objects::names;

/// The group of roles, users and groups.
const GROUP: &str = "rbac.authorization.k8s.io";

/// Fills in the groups of a binding's role and subjects.
pub fn default_binding(binding: &mut Value) {
    if is_unset(&binding["roleRef"]["apiGroup"]) {
        binding["roleRef"]["apiGroup"] = GROUP.into();
    }
    for subject in items_mut(binding, "/subjects") {
        if let Some("Group" | "User") = subject["kind"].as_str() {
            set_default(subject, "apiGroup", GROUP);
        }
    }
}

/// Complains about a role's rules.
pub fn validate_role(role: &Value) -> Vec<FieldError> {
    validate_rules(role, true)
}

/// Complains about a cluster role's rules.
pub fn validate_cluster_role(role: &Value) -> Vec<FieldError> {
    validate_rules(role, false)
}

fn validate_rules(role: &Value, namespaced: bool) -> Vec<FieldError> {
    let mut causes = Vec::new();
    for (index, rule) in items(&role["rules"]).iter().enumerate() {
        let path = format!("rules[{index}]");
        if items(&rule["verbs"]).is_empty() {
            causes.push(required(format!("{path}.verbs"), "verbs must contain at least one value"));
        }
        let urls = items(&rule["nonResourceURLs"]);
        if !urls.is_empty() && namespaced {
            let detail = "namespaced rules cannot apply to non-resource URLs";
            causes.push(invalid(format!("{path}.nonResourceURLs"), &rule["nonResourceURLs"], detail));
        }
        let parts = ["apiGroups", "resources", "resourceNames"];
        if !urls.is_empty() {
            if parts.iter().any(|&part| !items(&rule[part]).is_empty()) {
                let detail = "rules cannot apply to both regular resources and non-resource URLs";
                causes.push(invalid(format!("{path}.nonResourceURLs"), &rule["nonResourceURLs"], detail));
            }
            continue;
        }
        if items(&rule["apiGroups"]).is_empty() {
            let detail = "resource rules must supply at least one api group";
            causes.push(required(format!("{path}.apiGroups"), detail));
        }
        if items(&rule["resources"]).is_empty() {
            let detail = "resource rules must supply at least one resource";
            causes.push(required(format!("{path}.resources"), detail));
        }
    }
    let aggregation = &role["aggregationRule"];
    if aggregation.is_object() && items(&aggregation["clusterRoleSelectors"]).is_empty() {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        causes.push(required("aggregationRule.clusterRoleSelectors", detail));
    }
    causes
}

/// Complains about a binding's role and subjects.
pub fn validate_binding(binding: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let role = &binding["roleRef"];
    if role["apiGroup"] != GROUP {
        causes.push(unsupported("roleRef.apiGroup", &role["apiGroup"], &[GROUP]));
    }
    let known: &[&str] = if binding["kind"] == "RoleBinding" { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !known.iter().any(|&kind| role["kind"] == kind) {
        causes.push(unsupported("roleRef.kind", &role["kind"], known));
    }
    if is_unset(&role["name"]) {
        causes.push(required("roleRef.name", ""));
    }
    for (index, subject) in items(&binding["subjects"]).iter().enumerate() {
        let namespaced = binding["kind"] == "RoleBinding";
        check_subject(subject, &format!("subjects[{index}]"), namespaced, &mut causes);
    }
    causes
}

fn check_subject(subject: &Value, path: &str, namespaced: bool, causes: &mut Vec<FieldError>) {
    let name = subject["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        causes.push(required(format!("{path}.name"), ""));
    }
    let group = &subject["apiGroup"];
    match subject["kind"].as_str() {
        Some("ServiceAccount") => {
            let problem = names::dns_subdomain(name).filter(|_| !name.is_empty());
            causes.extend(problem.map(|detail| invalid(format!("{path}.name"), &subject["name"], &detail)));
            if !is_unset(group) {
                causes.push(unsupported(format!("{path}.apiGroup"), group, &[""]));
            }
            if !namespaced && is_unset(&subject["namespace"]) {
                causes.push(required(format!("{path}.namespace"), ""));
            }
        }
        Some("Group" | "User") if group == GROUP => {}
        Some("Group" | "User") => causes.push(unsupported(format!("{path}.apiGroup"), group, &[GROUP])),
        _ => {
            let known = &["ServiceAccount", "User", "Group"];
            causes.push(unsupported(format!("{path}.kind"), &subject["kind"], known));
        }
    }
}

/// The same for a changed binding, whose role is fixed.
pub fn validate_binding_update(binding: &Value, before: &Value) -> Vec<FieldError> {
    let mut causes = validate_binding(binding);
    if binding["roleRef"] != before["roleRef"] {
        causes.push(invalid("roleRef", &binding["roleRef"], "cannot change roleRef"));
    }
    causes
}
