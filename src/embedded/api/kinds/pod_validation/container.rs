//! One container.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    super::{FieldError, invalid, is_unset, items, required},
    check_enumeration, environment, port, probe, resources, security,
};
use crate::embedded::objects::field_error::Kind;

/// Complains about a container, but for its name.
pub(super) fn check(container: &Value, path: &str, volumes: &BTreeSet<&str>, causes: &mut Vec<FieldError>) {
    let image = container["image"].as_str().unwrap_or_default();
    if image.is_empty() {
        causes.push(required(format!("{path}.image"), ""));
    } else if image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        causes.push(invalid(format!("{path}.image"), &container["image"], detail));
    }
    probe::check_all(container, path, causes);
    port::check(&container["ports"], &format!("{path}.ports"), causes);
    environment::check(container, path, causes);
    check_mounts(&container["volumeMounts"], &format!("{path}.volumeMounts"), volumes, causes);
    let policies = &["Always", "IfNotPresent", "Never"];
    check_enumeration(&container["imagePullPolicy"], format!("{path}.imagePullPolicy"), policies, causes);
    resources::check(&container["resources"], &format!("{path}.resources"), causes);
    security::check_container(&container["securityContext"], &format!("{path}.securityContext"), causes);
}

fn check_mounts(mounts: &Value, path: &str, volumes: &BTreeSet<&str>, causes: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, mount) in items(mounts).iter().enumerate() {
        let name = mount["name"].as_str().unwrap_or_default();
        let field = format!("{path}[{index}].name");
        if name.is_empty() {
            causes.push(required(field.clone(), ""));
        }
        if !volumes.contains(name) {
            causes.push(FieldError::new(Kind::NotFound, field, name, ""));
        }
        let field = format!("{path}[{index}].mountPath");
        if is_unset(&mount["mountPath"]) {
            causes.push(required(field, ""));
        } else if !seen.insert(mount["mountPath"].as_str()) {
            causes.push(invalid(field, &mount["mountPath"], "must be unique"));
        }
    }
}
