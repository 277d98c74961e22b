//! What a container may use and asks for.

use serde_json::{Map, Value};

use super::super::{FieldError, invalid};
use crate::embedded::objects::quantity::Quantity;

/// Complains about resources that are not there, are negative, or are asked for beyond their limit.
pub(super) fn check(resources: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let none = Map::new();
    let list = |name: &str| resources[name].as_object().unwrap_or(&none);
    let amount = |value: &Value| value.as_str().and_then(Quantity::parse);
    for name in ["limits", "requests"] {
        for (resource, value) in list(name) {
            let field = format!("{path}.{name}[{resource}]");
            check_name(resource, &field, causes);
            if amount(value).is_some_and(Quantity::is_negative) {
                causes.push(invalid(field, value, "must be greater than or equal to 0"));
            }
        }
    }
    for (resource, request) in list("requests") {
        let limit = list("limits").get(resource).and_then(amount);
        if amount(request).zip(limit).is_some_and(|(request, limit)| request.exceeds(limit)) {
            let detail = format!("must be less than or equal to {resource} limit");
            causes.push(invalid(format!("{path}.requests"), request, &detail));
        }
    }
}

fn check_name(resource: &str, field: &str, causes: &mut Vec<FieldError>) {
    let standard = ["cpu", "memory", "ephemeral-storage"].contains(&resource) || resource.starts_with("hugepages-");
    if !standard && !resource.contains('/') {
        for detail in
            ["must be a standard resource type or fully qualified", "must be a standard resource for containers"]
        {
            causes.push(invalid(field, &Value::from(resource), detail));
        }
    }
}
