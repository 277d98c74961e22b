//! The ports of a container, and the names of ports everywhere.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    super::{FieldError, duplicate, in_range, invalid, is_unset, items, required},
    check_enumeration,
};

/// Ports there are.
const PORTS: std::ops::RangeInclusive<i64> = 1..=65535;
/// The longest name of a port.
const LONGEST: usize = 15;

/// Complains about the ports of a container.
pub(super) fn check(ports: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, port) in items(ports).iter().enumerate() {
        let path = format!("{path}[{index}]");
        if let Some(name) = port["name"].as_str().filter(|name| !name.is_empty()) {
            let before = causes.len();
            check_port_name(&port["name"], &format!("{path}.name"), causes);
            if causes.len() == before && !seen.insert(name) {
                causes.push(duplicate(format!("{path}.name"), &port["name"]));
            }
        }
        if port["containerPort"].as_i64().unwrap_or(0) == 0 {
            causes.push(required(format!("{path}.containerPort"), ""));
        } else {
            in_range(&port["containerPort"], PORTS, format!("{path}.containerPort"), causes);
        }
        if port["hostPort"] != 0 {
            in_range(&port["hostPort"], PORTS, format!("{path}.hostPort"), causes);
        }
        if !is_unset(&port["protocol"]) {
            check_enumeration(&port["protocol"], format!("{path}.protocol"), &["SCTP", "TCP", "UDP"], causes);
        }
    }
}

/// Complains about the name of a port.
pub(in crate::embedded::api::kinds) fn check_port_name(name: &Value, field: &str, causes: &mut Vec<FieldError>) {
    let text = name.as_str().unwrap_or_default();
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let problems = [
        (text.len() > LONGEST, "must be no more than 15 characters"),
        (!text.chars().all(fits), "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
        (
            !text.contains(|letter: char| letter.is_ascii_lowercase()),
            "must contain at least one letter or number (a-z, 0-9)",
        ),
        (text.contains("--"), "must not contain consecutive hyphens"),
        (text.starts_with('-') || text.ends_with('-'), "must not begin or end with a hyphen"),
    ];
    causes.extend(problems.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, why)| invalid(field, name, why)));
}
