//! Services; their addresses are given out by `api::addresses`.

use serde_json::{Value, json};

use super::{
    FieldError, duplicate, immutable, invalid, is_unset, items, items_mut, keep, remove, required, set_default,
    unsupported,
};

const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

/// Fills in what core/v1 promises.
pub fn default(service: &mut Value) {
    let spec = &mut service["spec"];
    set_default(spec, "sessionAffinity", "None");
    set_default(spec, "type", "ClusterIP");
    if spec["type"] != "ExternalName" {
        set_default(spec, "internalTrafficPolicy", "Cluster");
    }
    if matches!(spec["type"].as_str(), Some("LoadBalancer" | "NodePort")) {
        set_default(spec, "externalTrafficPolicy", "Cluster");
    }
    if spec["type"] == "LoadBalancer" {
        set_default(spec, "allocateLoadBalancerNodePorts", true);
    }
    for port in items_mut(spec, "/ports") {
        set_default(port, "protocol", "TCP");
        if port["targetPort"].is_null() || port["targetPort"] == 0 || port["targetPort"] == "" {
            port["targetPort"] = port["port"].clone();
        }
    }
}

/// The status is the controller's.
pub fn prepare_create(service: &mut Value) {
    service["status"] = json!({"loadBalancer": {}});
}

/// The status is changed through `/status`; an address that is left out stays.
pub fn prepare_update(service: &mut Value, before: &Value) {
    keep(service, before, "status");
    if service["spec"]["type"] == "ExternalName" {
        return remove(&mut service["spec"], "clusterIP");
    }
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if is_unset(&service["spec"][field]) {
            keep(&mut service["spec"], &before["spec"], field);
        }
    }
}

/// Complains about type, ports and names.
pub fn validate(service: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let spec = &service["spec"];
    if !TYPES.iter().any(|&known| spec["type"] == known) {
        causes.push(unsupported("spec.type", &spec["type"], TYPES));
    }
    let ports = items(&spec["ports"]);
    let headless = spec["clusterIP"] == "None";
    if ports.is_empty() && !headless && spec["type"] != "ExternalName" {
        causes.push(required("spec.ports", ""));
    }
    if spec["type"] == "ExternalName" && is_unset(&spec["externalName"]) {
        causes.push(required("spec.externalName", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        validate_port(port, &format!("spec.ports[{index}]"), ports.len() > 1, &mut causes);
        if ports[..index].iter().any(|other| !is_unset(&port["name"]) && other["name"] == port["name"]) {
            causes.push(duplicate(format!("spec.ports[{index}].name"), &port["name"]));
        }
        let twin = |other: &Value| other["port"] == port["port"] && other["protocol"] == port["protocol"];
        if ports[..index].iter().any(twin) {
            let shown = json!({"protocol": port["protocol"], "port": port["port"]});
            causes.push(duplicate(format!("spec.ports[{index}]"), &shown));
        }
    }
    causes
}

fn validate_port(port: &Value, path: &str, named: bool, causes: &mut Vec<FieldError>) {
    if named && is_unset(&port["name"]) {
        causes.push(required(format!("{path}.name"), ""));
    }
    for field in ["port", "targetPort"] {
        let out_of_range = port[field].as_i64().is_some_and(|number| !(1..=65535).contains(&number));
        if out_of_range {
            let detail = "must be between 1 and 65535, inclusive";
            causes.push(invalid(format!("{path}.{field}"), &port[field], detail));
        }
    }
    let protocols = &["SCTP", "TCP", "UDP"];
    if !protocols.iter().any(|&known| port["protocol"] == known) {
        causes.push(unsupported(format!("{path}.protocol"), &port["protocol"], protocols));
    }
}

/// The same for a changed service, whose address is fixed.
pub fn validate_update(service: &Value, before: &Value) -> Vec<FieldError> {
    let mut causes = validate(service);
    let external = |service: &Value| service["spec"]["type"] == "ExternalName";
    if !external(service) && !external(before) {
        let field = "spec.clusterIP";
        immutable(&service["spec"]["clusterIP"], &before["spec"]["clusterIP"], field, &mut causes);
    }
    causes
}
