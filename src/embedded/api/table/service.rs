//! Cells of services and their endpoints.

use serde_json::Value;

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// At most three, and how many more.
fn shortened(mut texts: Vec<String>, kind: &str) -> Value {
    let more = texts.len().saturating_sub(3);
    texts.truncate(3);
    match (texts.is_empty(), more) {
        (true, _) => kind.into(),
        (false, 0) => texts.join(",").into(),
        (false, more) => format!("{} + {more} more...", texts.join(",")).into(),
    }
}

/// Where a service is reached from outside.
pub(super) fn external_address(service: &Value) -> Value {
    let spec = &service["spec"];
    if spec["type"] == "ExternalName" {
        return spec["externalName"].clone();
    }
    let mut addresses: Vec<&str> = list(&spec["externalIPs"]).map(text).collect();
    if spec["type"] == "LoadBalancer" {
        let ingress = list(&service["status"]["loadBalancer"]["ingress"]);
        addresses
            .extend(ingress.map(|place| text(if place["ip"].is_string() { &place["ip"] } else { &place["hostname"] })));
        if addresses.is_empty() {
            return "<pending>".into();
        }
    }
    if addresses.is_empty() { "<none>".into() } else { addresses.join(",").into() }
}

/// A service's ports.
pub(super) fn ports(service: &Value) -> Value {
    let ports: Vec<String> = list(&service["spec"]["ports"])
        .map(|port| {
            let node_port = port["nodePort"].as_u64().filter(|&number| number > 0);
            let node_port = node_port.map(|number| format!(":{number}")).unwrap_or_default();
            format!("{}{node_port}/{}", port["port"], text(&port["protocol"]))
        })
        .collect();
    if ports.is_empty() { "<none>".into() } else { ports.join(",").into() }
}

/// Addresses with ports.
pub(super) fn endpoints(endpoints: &Value) -> Value {
    let mut texts = Vec::new();
    for subset in list(&endpoints["subsets"]) {
        for address in list(&subset["addresses"]) {
            let ports = list(&subset["ports"]);
            texts.extend(ports.map(|port| format!("{}:{}", text(&address["ip"]), port["port"])));
        }
    }
    shortened(texts, "<none>")
}

/// A slice's ports.
pub(super) fn slice_ports(slice: &Value) -> Value {
    let ports =
        list(&slice["ports"]).map(|port| if port["port"].is_null() { "*".into() } else { port["port"].to_string() });
    shortened(ports.collect(), "<unset>")
}

/// A slice's addresses.
pub(super) fn slice_endpoints(slice: &Value) -> Value {
    let addresses = list(&slice["endpoints"]).filter_map(|endpoint| endpoint["addresses"][0].as_str());
    shortened(addresses.map(str::to_owned).collect(), "<unset>")
}
