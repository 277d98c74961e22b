//! The kubelet's probes of the application, which the sidecar answers in its place.
//!
//! The kubelet has no certificate of the mesh, so under STRICT it could not reach the application. Its probes go to
//! the sidecar's telemetry port instead, which asks the application from inside the pod.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The annotation that switches the rewriting off for a pod.
pub(super) const REWRITE_ANNOTATION: &str = "sidecar.istio.io/rewriteAppHTTPProbers";
/// The sidecar's telemetry port.
const TELEMETRY_PORT: u16 = 15020;
/// A container's probes, and what their paths end with.
const KINDS: [(&str, &str); 3] =
    [("livenessProbe", "livez"), ("readinessProbe", "readyz"), ("startupProbe", "startupz")];

/// What the sidecar asks of the application, by the path at which the kubelet asks the sidecar.
pub type AppProbes = BTreeMap<String, AppProbe>;

/// One probe of the application.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppProbe {
    /// What is asked.
    #[serde(flatten)]
    pub target: AppProbeTarget,
    /// How long the application may take.
    #[serde(default = "one")]
    pub timeout_seconds: u64,
}

/// What is asked of the application; ports are numbers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AppProbeTarget {
    /// An HTTP request whose status must be 200 to 399.
    #[serde(rename_all = "camelCase")]
    HttpGet {
        /// The port.
        port: u16,
        /// The path, `/` by default.
        #[serde(default = "root")]
        path: String,
        /// `HTTP` or `HTTPS` (whose certificate is not checked).
        #[serde(default = "http")]
        scheme: String,
        /// Headers to send; `Host` among them replaces the address.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        http_headers: Vec<ProbeHeader>,
    },
    /// A connection that must be accepted.
    TcpSocket {
        /// The port.
        port: u16,
    },
    /// A call of `grpc.health.v1.Health/Check` that must answer `SERVING`.
    Grpc {
        /// The port.
        port: u16,
        /// The service asked about.
        #[serde(default)]
        service: Option<String>,
    },
}

/// A header of an HTTP probe.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProbeHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

fn one() -> u64 {
    1
}

fn root() -> String {
    "/".to_owned()
}

fn http() -> String {
    "HTTP".to_owned()
}

/// Directs the probes of these containers to the sidecar and answers what the sidecar has to ask instead.
///
/// A probe that runs a command stays, and so does one whose port has a name that its container does not know.
pub(super) fn rewrite(containers: &mut [Value], annotations: &BTreeMap<String, String>) -> AppProbes {
    let mut probes = AppProbes::new();
    if annotations.get(REWRITE_ANNOTATION).is_some_and(|value| value == "false") {
        return probes;
    }
    for container in containers {
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        let ports = container["ports"].clone();
        for (kind, end) in KINDS {
            let Some(probe) = container.get_mut(kind) else { continue };
            let Some(asked) = understand(probe, &ports) else { continue };
            let path = format!("/app-health/{name}/{end}");
            redirect(probe, &path);
            probes.insert(path, asked);
        }
    }
    probes
}

/// Reads a probe, with its port as a number.
fn understand(probe: &Value, ports: &Value) -> Option<AppProbe> {
    let mut plain = probe.clone();
    for kind in ["httpGet", "tcpSocket", "grpc"] {
        if let Some(target) = plain.get_mut(kind).filter(|target| target["port"].is_string()) {
            let name = target["port"].take();
            target["port"] = named_port(name.as_str()?, ports)?;
        }
    }
    serde_json::from_value(plain).ok()
}

fn named_port(name: &str, ports: &Value) -> Option<Value> {
    let port = ports.as_array()?.iter().find(|port| port["name"] == name)?;
    Some(port["containerPort"].clone())
}

fn redirect(probe: &mut Value, path: &str) {
    if let Some(probe) = probe.as_object_mut() {
        for kind in ["tcpSocket", "grpc"] {
            probe.remove(kind);
        }
        probe.insert("httpGet".to_owned(), json!({ "path": path, "port": TELEMETRY_PORT, "scheme": "HTTP" }));
    }
}
