//! The rules of a pod's `spec`, in pods and in the templates of workloads.

mod container;
mod environment;
mod port;
mod probe;
mod resources;
mod security;
mod toleration;
mod volume;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{FieldError, duplicate, in_range, invalid, is_unset, items, required, unsupported};
use crate::embedded::objects::names;

pub(super) use port::check_port_name;

/// Complains about a pod's `spec`, which stands at `path`.
pub(super) fn validate_spec(spec: &Value, path: &str) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let volumes = volume::check(spec, path, &mut causes);
    if items(&spec["containers"]).is_empty() {
        causes.push(required(format!("{path}.containers"), ""));
    }
    let mut seen = BTreeSet::new();
    for list in ["containers", "initContainers"] {
        for (index, container) in items(&spec[list]).iter().enumerate() {
            let path = format!("{path}.{list}[{index}]");
            check_container_name(container, &path, &mut seen, &mut causes);
            container::check(container, &path, &volumes, &mut causes);
        }
    }
    check_enumerations(spec, path, &mut causes);
    security::check_pod(&spec["securityContext"], &format!("{path}.securityContext"), &mut causes);
    check_host_network(spec, path, &mut causes);
    check_names(spec, path, &mut causes);
    toleration::check(&spec["tolerations"], &format!("{path}.tolerations"), &mut causes);
    causes
}

fn check_container_name<'a>(
    container: &'a Value,
    path: &str,
    seen: &mut BTreeSet<&'a str>,
    causes: &mut Vec<FieldError>,
) {
    let field = format!("{path}.name");
    match container["name"].as_str().filter(|name| !name.is_empty()) {
        None => causes.push(required(field, "")),
        Some(name) => {
            causes.extend(names::dns_label(name).map(|detail| invalid(field.clone(), &container["name"], &detail)));
            if !seen.insert(name) {
                causes.push(duplicate(field, &container["name"]));
            }
        }
    }
}

fn check_enumerations(spec: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for (field, known) in [
        ("restartPolicy", &["Always", "OnFailure", "Never"][..]),
        ("dnsPolicy", &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]),
    ] {
        check_enumeration(&spec[field], format!("{path}.{field}"), known, causes);
    }
}

/// Complains about a value that is set and none of those there are.
fn check_enumeration(value: &Value, field: String, known: &[&str], causes: &mut Vec<FieldError>) {
    if !value.is_null() && !known.iter().any(|&known| value == known) {
        causes.push(unsupported(field, value, known));
    }
}

/// Pods in the host's network have the host's ports.
fn check_host_network(spec: &Value, path: &str, causes: &mut Vec<FieldError>) {
    if spec["hostNetwork"] != true {
        return;
    }
    for (index, container) in items(&spec["containers"]).iter().enumerate() {
        for (place, port) in items(&container["ports"]).iter().enumerate() {
            if port["hostPort"] != port["containerPort"] {
                let field = format!("{path}.containers[{index}].ports[{place}].containerPort");
                let detail = "must match `hostPort` when `hostNetwork` is true";
                causes.push(invalid(field, &port["containerPort"], detail));
            }
        }
    }
}

fn check_names(spec: &Value, path: &str, causes: &mut Vec<FieldError>) {
    type Rule = fn(&str) -> Option<String>;
    let rules: [(&str, Rule); 4] = [
        ("serviceAccountName", names::dns_subdomain),
        ("nodeName", names::dns_subdomain),
        ("hostname", names::dns_label),
        ("subdomain", names::dns_label),
    ];
    for (field, rule) in rules {
        if field == "hostname" {
            let seconds = &spec["activeDeadlineSeconds"];
            in_range(seconds, 1..=i64::from(i32::MAX), format!("{path}.activeDeadlineSeconds"), causes);
        }
        let value = &spec[field];
        if !is_unset(value)
            && let Some(problem) = rule(value.as_str().unwrap_or_default())
        {
            causes.push(invalid(format!("{path}.{field}"), value, &problem));
        }
    }
}
