//! Probes and hooks: what a container is asked, and what it does when it starts and ends.

use serde_json::Value;

use super::{
    super::{FieldError, forbidden, in_range, invalid, is_unset, items, required},
    check_enumeration, check_port_name,
};

const HANDLERS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];
const COUNTS: [&str; 5] =
    ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];

/// Complains about the hooks and probes of a container.
pub(super) fn check_all(container: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for hook in ["postStart", "preStop"] {
        let handler = &container["lifecycle"][hook];
        if handler.is_object() {
            check_handler(handler, &format!("{path}.lifecycle.{hook}"), causes);
        }
    }
    for name in ["livenessProbe", "startupProbe", "readinessProbe"] {
        let (probe, path) = (&container[name], format!("{path}.{name}"));
        if !probe.is_object() {
            continue;
        }
        check_handler(probe, &path, causes);
        for field in COUNTS {
            if probe[field].as_i64().is_some_and(|count| count < 0) {
                let detail = "must be greater than or equal to 0";
                causes.push(invalid(format!("{path}.{field}"), &probe[field], detail));
            }
        }
        if name != "readinessProbe" && probe["successThreshold"].as_i64().is_some_and(|count| count != 1) {
            causes.push(invalid(format!("{path}.successThreshold"), &probe["successThreshold"], "must be 1"));
        }
    }
}

fn check_handler(handler: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let given: Vec<&str> = HANDLERS.into_iter().filter(|&known| handler[known].is_object()).collect();
    let Some((first, more)) = given.split_first() else {
        return causes.push(required(path, "must specify a handler type"));
    };
    let (action, field) = (&handler[*first], format!("{path}.{first}"));
    match *first {
        "exec" if items(&action["command"]).is_empty() => causes.push(required(format!("{field}.command"), "")),
        "httpGet" => {
            if is_unset(&action["path"]) {
                causes.push(required(format!("{field}.path"), ""));
            }
            check_port(&action["port"], &format!("{field}.port"), causes);
            check_enumeration(&action["scheme"], format!("{field}.scheme"), &["HTTP", "HTTPS"], causes);
        }
        "tcpSocket" => check_port(&action["port"], &format!("{field}.port"), causes),
        _ => {}
    }
    for other in more {
        causes.push(forbidden(format!("{path}.{other}"), "may not specify more than 1 handler type"));
    }
}

fn check_port(port: &Value, field: &str, causes: &mut Vec<FieldError>) {
    if port.is_string() {
        check_port_name(port, field, causes);
    } else {
        in_range(port, 1..=65535, field, causes);
    }
}
