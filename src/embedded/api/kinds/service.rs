//! Services; their addresses are given out by `api::addresses`.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{
    FieldError, NO_ADDRESS, check_labels, duplicate, forbidden, immutable, in_range, invalid, is_unset, items,
    items_mut, keep, pod_validation, remove, required, set_default, unsupported,
};
use crate::embedded::objects::names;

const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];

/// Fills in what core/v1 promises.
pub fn default(service: &mut Value) {
    let spec = &mut service["spec"];
    set_default(spec, "sessionAffinity", "None");
    set_default(spec, "type", "ClusterIP");
    if spec["sessionAffinity"] == "ClientIP" {
        set_default(spec, "sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": 10800}}));
    }
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
    let ports = items(&spec["ports"]);
    let headless = spec["clusterIP"] == "None";
    if ports.is_empty() && !headless && spec["type"] != "ExternalName" {
        causes.push(required("spec.ports", ""));
    }
    check_type(spec, &mut causes);
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
    causes.extend(check_labels(&spec["selector"], "spec.selector"));
    if !["ClientIP", "None"].iter().any(|&known| spec["sessionAffinity"] == known) {
        causes.push(unsupported("spec.sessionAffinity", &spec["sessionAffinity"], &["ClientIP", "None"]));
    }
    check_external_addresses(&spec["externalIPs"], &mut causes);
    if !TYPES.iter().any(|&known| spec["type"] == known) {
        causes.push(unsupported("spec.type", &spec["type"], TYPES));
    }
    check_node_ports(spec, &mut causes);
    causes
}

/// What only some types of services have.
fn check_type(spec: &Value, causes: &mut Vec<FieldError>) {
    match spec["type"].as_str() {
        Some("NodePort" | "LoadBalancer") if spec["clusterIP"] == "None" => {
            let detail = format!("may not be set to 'None' for {} services", spec["type"].as_str().unwrap_or_default());
            causes.push(invalid("spec.clusterIPs[0]", &spec["clusterIP"], &detail));
        }
        Some("ExternalName") => {
            if !is_unset(&spec["clusterIP"]) {
                causes.push(forbidden("spec.clusterIPs", "may not be set for ExternalName services"));
            }
            let name = spec["externalName"].as_str().unwrap_or_default();
            if name.is_empty() {
                causes.push(required("spec.externalName", ""));
            } else if let Some(problem) = names::dns_subdomain(name) {
                causes.push(invalid("spec.externalName", &spec["externalName"], &problem));
            }
        }
        _ => {}
    }
}

fn check_external_addresses(addresses: &Value, causes: &mut Vec<FieldError>) {
    for (index, address) in items(addresses).iter().enumerate() {
        let detail = match address.as_str().unwrap_or_default().parse::<IpAddr>() {
            Err(_) => NO_ADDRESS,
            Ok(ip) if ip.is_unspecified() => "may not be unspecified (0.0.0.0)",
            Ok(ip) if ip.is_loopback() => "may not be in the loopback range (127.0.0.0/8)",
            Ok(_) => continue,
        };
        causes.push(invalid(format!("spec.externalIPs[{index}]"), address, detail));
    }
}

/// Ports of nodes, and how traffic from outside finds pods, are for services that are seen from outside.
fn check_node_ports(spec: &Value, causes: &mut Vec<FieldError>) {
    if spec["type"] != "ClusterIP" {
        return;
    }
    for (index, port) in items(&spec["ports"]).iter().enumerate() {
        if port["nodePort"].as_i64().is_some_and(|number| number != 0) {
            let detail = "may not be used when `type` is 'ClusterIP'";
            causes.push(forbidden(format!("spec.ports[{index}].nodePort"), detail));
        }
    }
    if !is_unset(&spec["externalTrafficPolicy"]) {
        let detail = "ExternalTrafficPolicy can only be set on NodePort and LoadBalancer service";
        causes.push(invalid("spec.externalTrafficPolicy", &spec["externalTrafficPolicy"], detail));
    }
}

fn validate_port(port: &Value, path: &str, named: bool, causes: &mut Vec<FieldError>) {
    let name = port["name"].as_str().unwrap_or_default();
    if named && name.is_empty() {
        causes.push(required(format!("{path}.name"), ""));
    } else if let Some(problem) = names::dns_label(name).filter(|_| !name.is_empty()) {
        causes.push(invalid(format!("{path}.name"), &port["name"], &problem));
    }
    in_range(&port["port"], 1..=65535, format!("{path}.port"), causes);
    let protocols = &["SCTP", "TCP", "UDP"];
    if !protocols.iter().any(|&known| port["protocol"] == known) {
        causes.push(unsupported(format!("{path}.protocol"), &port["protocol"], protocols));
    }
    let target = format!("{path}.targetPort");
    if port["targetPort"].is_string() {
        pod_validation::check_port_name(&port["targetPort"], &target, causes);
    } else {
        in_range(&port["targetPort"], 1..=65535, target, causes);
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
