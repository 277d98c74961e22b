//! The mesh that a case describes.

use serde_json::Value;

use crate::{
    mesh::{
        policy::{Index, WorkloadId},
        registry::{Registry, protocol},
        snapshot::{ApplicationTls, Authority, Labels, Release, Role, Settings, Workload, WorkloadPort},
    },
    sidecar::config::Protocol,
};

/// The mesh of a case, and its objects as they were written.
pub(super) struct World {
    pub(super) index: Index,
    pub(super) objects: Vec<Value>,
}

impl World {
    /// Builds the mesh of a case.
    ///
    /// Objects that cannot be read are left out, as a cluster would have refused them; questions about whether they
    /// are accepted look at what was written.
    pub(super) fn new(case: &Value) -> Result<Self, String> {
        let mut registry = Registry::offline(settings(case)?);
        let objects: Vec<Value> = list(case, "resources").cloned().collect();
        for object in &objects {
            let _refused = registry.add(object, None).is_err();
        }
        let mut snapshot = registry.finish();
        let workloads: Result<Vec<Workload>, String> =
            list(case, "workloads").map(|value| workload(value, &objects)).collect();
        snapshot.workloads.extend(workloads?);
        Ok(Self { index: Index::new(snapshot), objects })
    }

    /// Finds a workload by `name.namespace`.
    pub(super) fn workload(&self, name: &str) -> Result<WorkloadId, String> {
        let found = name.rsplit_once('.').and_then(|(name, namespace)| self.index.find_workload(namespace, name));
        found.ok_or_else(|| format!("no workload `{name}` in this case"))
    }
}

fn settings(case: &Value) -> Result<Settings, String> {
    let text = |field| case.get(field).and_then(Value::as_str).map(str::to_owned);
    let defaults = Settings::default();
    Ok(Settings {
        root_namespace: text("root_namespace").unwrap_or(defaults.root_namespace),
        trust_domain: text("trust_domain").unwrap_or(defaults.trust_domain),
        trust_domain_aliases: list(case, "trust_domain_aliases").filter_map(Value::as_str).map(str::to_owned).collect(),
        cluster_domain: text("cluster_domain").unwrap_or(defaults.cluster_domain),
        enable_auto_mtls: case.get("enable_auto_mtls").and_then(Value::as_bool).unwrap_or(true),
        release: release(case)?,
    })
}

fn release(case: &Value) -> Result<Release, String> {
    if case.get("api").and_then(Value::as_str) != Some("legacy") {
        return Ok(Release::Current);
    }
    let Some(version) = case.get("istio_version").and_then(scalar) else { return Ok(Release::UpTo1_4) };
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) < (1, 5) => Ok(Release::UpTo1_4),
        (Some(Ok(_)), _) => Ok(Release::Current),
        _ => Err(format!("istio_version `{version}` is not a version")),
    }
}

fn workload(value: &Value, objects: &[Value]) -> Result<Workload, String> {
    let text = |field| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let name = text("name").ok_or("a workload without a name")?;
    let annotations = labels(value.get("annotations"));
    let port_list = |key: &str| annotations.get(key).map(|text| ports_of(text));
    let gateway = text("role").as_deref() == Some("gateway");
    let namespace = text("namespace").unwrap_or_else(|| "default".to_owned());
    let sidecar = value.get("sidecar").and_then(Value::as_bool);
    Ok(Workload {
        controller: name.clone(),
        name,
        labels: labels(value.get("labels")),
        service_account: text("service_account").unwrap_or_else(|| "default".to_owned()),
        sidecar: sidecar.unwrap_or_else(|| gateway || injects(objects, &namespace)),
        namespace,
        role: if gateway { Role::Gateway } else { Role::Sidecar },
        address: None,
        ready: value.get("ready").and_then(Value::as_bool).unwrap_or(true),
        ports: list(value, "ports").filter_map(port).collect(),
        exclude_inbound_ports: port_list("traffic.sidecar.istio.io/excludeInboundPorts").unwrap_or_default(),
        include_inbound_ports: port_list("traffic.sidecar.istio.io/includeInboundPorts"),
        injection: None,
        rewrite_probes: annotations.get("sidecar.istio.io/rewriteAppHTTPProbers").is_none_or(|wish| wish != "false"),
        source: None,
    })
}

/// Whether a namespace's label asks for sidecars, which is looked at where a workload does not say.
fn injects(objects: &[Value], namespace: &str) -> bool {
    objects.iter().any(|object| {
        object["kind"] == "Namespace"
            && object["metadata"]["name"] == namespace
            && object["metadata"]["labels"]["istio-injection"] == "enabled"
    })
}

fn ports_of(text: &str) -> Vec<u16> {
    text.split(',').filter_map(|port| port.trim().parse().ok()).collect()
}

fn port(value: &Value) -> Option<WorkloadPort> {
    let text = |field| value.get(field).and_then(Value::as_str).unwrap_or_default();
    let port = number(value.get("port")?)?;
    let protocol = match protocol(None, text("protocol"), 0) {
        Protocol::Detect => protocol(None, text("name"), 0),
        declared => declared,
    };
    let tls = value.get("app_tls").filter(|tls| !tls.is_null() && **tls != Value::Bool(false)).map(application_tls);
    Some(WorkloadPort { name: text("name").to_owned(), port, protocol, tls })
}

fn application_tls(value: &Value) -> ApplicationTls {
    let flag = |field: &str| value.get(field).and_then(Value::as_bool).unwrap_or_default();
    let names = ["san", "sans", "names"].iter().filter_map(|field| value.get(*field));
    let authority = match value.get("ca").or(Some(value)).and_then(Value::as_str) {
        Some("mesh" | "istio") => Authority::Mesh,
        Some("public" | "system" | "well-known") => Authority::Public,
        _ => Authority::Other,
    };
    ApplicationTls {
        authority,
        names: names.flat_map(texts).collect(),
        client_certificate: flag("client_cert") || flag("require_client_cert") || flag("mutual"),
    }
}

/// A port number, quoted or not.
pub(super) fn number(value: &Value) -> Option<u16> {
    scalar(value)?.parse().ok()
}

/// A scalar as it would be written.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A text, or a list of texts.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(scalar).collect(),
        single => scalar(single).into_iter().collect(),
    }
}

fn labels(value: Option<&Value>) -> Labels {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), scalar(value)?))).collect()
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}
