//! Endpoints.

use std::net::IpAddr;

use serde_json::Value;

use super::{FieldError, NO_ADDRESS, in_range, invalid, items, items_mut, set_default};

/// Ports are TCP's unless they say otherwise.
pub fn default(endpoints: &mut Value) {
    for subset in items_mut(endpoints, "/subsets") {
        for port in items_mut(subset, "/ports") {
            set_default(port, "protocol", "TCP");
        }
    }
}

/// Complains about addresses and ports.
pub fn validate(endpoints: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    for (index, subset) in items(&endpoints["subsets"]).iter().enumerate() {
        let path = format!("subsets[{index}]");
        for list in ["addresses", "notReadyAddresses"] {
            for (place, address) in items(&subset[list]).iter().enumerate() {
                if address["ip"].as_str().is_none_or(|ip| ip.parse::<IpAddr>().is_err()) {
                    causes.push(invalid(format!("{path}.{list}[{place}].ip"), &address["ip"], NO_ADDRESS));
                }
            }
        }
        for (place, port) in items(&subset["ports"]).iter().enumerate() {
            in_range(&port["port"], 1..=65535, format!("{path}.ports[{place}].port"), &mut causes);
        }
    }
    causes
}
