//! Services and ServiceEntries.

use serde_json::Value;

use super::{RegistryError, labels, name, namespace, port_number};
use crate::{
    mesh::snapshot::{Service, ServicePort, Settings, Source, TargetPort},
    sidecar::config::Protocol,
};

/// Who may see a Service, on the Service.
const EXPORT_TO: &str = "networking.istio.io/exportTo";

pub(super) fn service(object: &Value, settings: &Settings, source: Option<Source>) -> Result<Service, RegistryError> {
    let (name, namespace) = (name(object)?, namespace(object));
    let spec = &object["spec"];
    let address = spec["clusterIP"].as_str();
    let several = texts(&spec["clusterIPs"]);
    let mut addresses: Vec<_> = several.chain(address).filter_map(|text| text.parse().ok()).collect();
    addresses.dedup();
    let export_to = object["metadata"]["annotations"][EXPORT_TO].as_str().map_or_else(Vec::new, |text| {
        text.split(',').map(str::trim).filter(|to| !to.is_empty()).map(str::to_owned).collect()
    });
    Ok(Service {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        host: format!("{name}.{namespace}.svc.{}", settings.cluster_domain),
        selector: labels(&spec["selector"]),
        addresses,
        headless: address == Some("None"),
        external: spec["type"] == "ExternalName",
        export_to,
        ports: ports(spec, &format!("Service {namespace}/{name}"))?,
        source,
    })
}

/// The texts of a list.
fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn ports(spec: &Value, owner: &str) -> Result<Vec<ServicePort>, RegistryError> {
    let listed = spec["ports"].as_array().into_iter().flatten();
    let over_tcp = listed.enumerate().filter(|(_, port)| {
        port.get("protocol").and_then(Value::as_str).is_none_or(|transport| !matches!(transport, "UDP" | "SCTP"))
    });
    over_tcp.map(|(position, port)| service_port(port, position, owner)).collect()
}

fn service_port(value: &Value, position: usize, owner: &str) -> Result<ServicePort, RegistryError> {
    let text = |field| value.get(field).and_then(Value::as_str);
    let port = value.get("port").and_then(port_number).ok_or_else(|| RegistryError::Field {
        object: owner.to_owned(),
        field: format!("spec.ports[{position}].port"),
        problem: "must be a number from 1 to 65535",
    })?;
    let target = match value.get("targetPort") {
        None | Some(Value::Null) => TargetPort::Number(port),
        Some(target) => match (port_number(target), target.as_str()) {
            (Some(number), _) => TargetPort::Number(number),
            (None, Some(name)) => TargetPort::Name(name.to_owned()),
            (None, None) => TargetPort::Number(port),
        },
    };
    let name = text("name").unwrap_or_default().to_owned();
    let protocol = protocol(text("appProtocol"), &name, port);
    Ok(ServicePort { name, port, target, protocol })
}

/// Services beside those of Kubernetes; one for each host.
pub(super) fn service_entry(object: &Value, source: Option<&Source>) -> Result<Vec<Service>, RegistryError> {
    let (name, namespace) = (name(object)?, namespace(object));
    let spec = &object["spec"];
    let ports = spec["ports"].as_array().into_iter().flatten().filter_map(|port| {
        let number = port.get("number").and_then(port_number)?;
        let text = |field| port.get(field).and_then(Value::as_str).unwrap_or_default();
        let target = port.get("targetPort").and_then(port_number).unwrap_or(number);
        let protocol = protocol(Some(text("protocol")), text("name"), number);
        Some(ServicePort { name: text("name").to_owned(), port: number, target: TargetPort::Number(target), protocol })
    });
    let ports: Vec<ServicePort> = ports.collect();
    // MESH_EXTERNAL is the zero value of the field.
    let external = spec["location"] != "MESH_INTERNAL";
    let services = texts(&spec["hosts"]).map(|host| Service {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        host: host.to_owned(),
        selector: labels(&spec["workloadSelector"]["labels"]),
        addresses: texts(&spec["addresses"]).filter_map(|address| address.parse().ok()).collect(),
        headless: spec["resolution"].as_str().is_none_or(|way| way == "NONE"),
        external,
        export_to: texts(&spec["exportTo"]).map(str::to_owned).collect(),
        ports: ports.clone(),
        source: source.cloned(),
    });
    Ok(services.collect())
}

/// What a Service port speaks: its `appProtocol`, else the prefix of its name, else what the port is known for.
///
/// Source: Istio, "Protocol Selection". The last resort are ports of protocols in which the server speaks first.
pub fn protocol(app_protocol: Option<&str>, name: &str, port: u16) -> Protocol {
    const SERVER_FIRST: [u16; 4] = [25, 53, 3306, 27017];
    let declared = app_protocol.filter(|text| !text.is_empty()).unwrap_or(name).to_ascii_lowercase();
    match declared.as_str() {
        "kubernetes.io/h2c" => return Protocol::Http2,
        "kubernetes.io/ws" => return Protocol::Http,
        "kubernetes.io/wss" => return Protocol::Tcp,
        text if text.starts_with("grpc-web") => return Protocol::Http,
        _ => {}
    }
    match declared.split('-').next().unwrap_or_default() {
        "http" => Protocol::Http,
        "http2" | "grpc" => Protocol::Http2,
        "https" | "mongo" | "mysql" | "redis" | "tcp" | "tls" => Protocol::Tcp,
        _ if SERVER_FIRST.contains(&port) => Protocol::Tcp,
        _ => Protocol::Detect,
    }
}
