//! What an injected pod gets: the redirecting init container, the sidecar, and their volumes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{APP_PROBES_VARIABLE, AppProbes, INIT_CONTAINER, PROXY_CONTAINER, Settings, WORKLOAD_VARIABLE};
use crate::mesh::init::{self, FlagError};

/// Inbound ports that bypass the sidecar.
pub(super) const EXCLUDE_INBOUND: &str = "traffic.sidecar.istio.io/excludeInboundPorts";
/// Inbound ports that go through the sidecar (`*` by default).
pub(super) const INCLUDE_INBOUND: &str = "traffic.sidecar.istio.io/includeInboundPorts";
/// Outbound ports that bypass the sidecar.
pub(super) const EXCLUDE_OUTBOUND: &str = "traffic.sidecar.istio.io/excludeOutboundPorts";
/// Outbound addresses that bypass the sidecar.
pub(super) const EXCLUDE_RANGES: &str = "traffic.sidecar.istio.io/excludeOutboundIPRanges";
/// Outbound addresses that go through the sidecar (`*` by default).
pub(super) const INCLUDE_RANGES: &str = "traffic.sidecar.istio.io/includeOutboundIPRanges";

/// Ports of the sidecar itself: metrics, readiness, telemetry.
const OWN_PORTS: &str = "15090,15021,15020";
/// The user whose connections are not redirected.
const PROXY_UID: u32 = 1337;

/// The flags of the program `init` that say what a pod's annotations say.
///
/// # Errors
/// [`FlagError`], with the annotation as the flag, if one makes no sense.
pub fn redirect_flags(annotations: &BTreeMap<String, String>) -> Result<Vec<String>, FlagError> {
    let text = |name: &str, default: &str| annotations.get(name).map_or(default, String::as_str).trim().to_owned();
    let included = text(INCLUDE_INBOUND, "*");
    init::included(INCLUDE_INBOUND, &included)?;
    let excluded = text(EXCLUDE_INBOUND, "");
    init::ports(EXCLUDE_INBOUND, &excluded)?;
    let ranges = text(EXCLUDE_RANGES, "");
    init::ranges(EXCLUDE_RANGES, &ranges)?;
    let outbound = text(EXCLUDE_OUTBOUND, "");
    init::ports(EXCLUDE_OUTBOUND, &outbound)?;
    let through = text(INCLUDE_RANGES, "*");
    init::included_ranges(INCLUDE_RANGES, &through)?;
    let excluded = if excluded.is_empty() { OWN_PORTS.to_owned() } else { format!("{OWN_PORTS},{excluded}") };
    let uid = PROXY_UID.to_string();
    let flags = [
        "-p", "15001", "-z", "15006", "-u", &uid, "-m", "REDIRECT", "-i", &through, "-x", &ranges, "-b", &included,
        "-d", &excluded, "-o", &outbound,
    ];
    Ok(flags.map(str::to_owned).to_vec())
}

/// The init container that redirects the pod's connections as its annotations say.
pub(super) fn init(settings: &Settings, annotations: &BTreeMap<String, String>) -> Result<Value, FlagError> {
    Ok(json!({
        "name": INIT_CONTAINER,
        "image": settings.image,
        "command": ["init"],
        "args": redirect_flags(annotations)?,
        "resources": resources(),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "add": ["NET_ADMIN"], "drop": ["ALL"] },
            "privileged": false,
            "readOnlyRootFilesystem": true,
            "runAsGroup": 0,
            "runAsNonRoot": false,
            "runAsUser": 0,
        },
    }))
}

/// The sidecar.
///
/// It has no liveness probe: while the control plane is away a new sidecar waits for its certificate, and a restart
/// would only cut the connections of one that has it.
pub(super) fn proxy(settings: &Settings, workload: &str, probes: &AppProbes) -> Value {
    json!({
        "name": PROXY_CONTAINER,
        "image": settings.image,
        "command": ["sidecar"],
        "env": environment(settings, workload, probes),
        "readinessProbe": {
            "httpGet": { "path": "/healthz/ready", "port": 15021, "scheme": "HTTP" },
            "periodSeconds": 1,
            "timeoutSeconds": 3,
            "failureThreshold": 4,
        },
        "resources": resources(),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "privileged": false,
            "readOnlyRootFilesystem": true,
            "runAsGroup": PROXY_UID,
            "runAsNonRoot": true,
            "runAsUser": PROXY_UID,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "volumeMounts": [
            { "name": "istiod-ca-cert", "mountPath": "/var/run/secrets/istio", "readOnly": true },
            { "name": "istio-token", "mountPath": "/var/run/secrets/tokens", "readOnly": true },
        ],
    })
}

/// The volumes the sidecar reads: the mesh's root, and a token that is good for the mesh's authority only.
pub(super) fn volumes() -> [Value; 2] {
    let token = json!({ "audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token" });
    [
        json!({ "name": "istiod-ca-cert", "configMap": { "name": "istio-ca-root-cert", "defaultMode": 420 } }),
        json!({
            "name": "istio-token",
            "projected": { "defaultMode": 420, "sources": [{ "serviceAccountToken": token }] },
        }),
    ]
}

fn environment(settings: &Settings, workload: &str, probes: &AppProbes) -> Vec<Value> {
    let field = |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } });
    let mut variables = vec![
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
        field("INSTANCE_IP", "status.podIP"),
        json!({ "name": WORKLOAD_VARIABLE, "value": workload }),
        json!({ "name": "TRUST_DOMAIN", "value": settings.trust_domain }),
        json!({ "name": "CA_ADDR", "value": settings.control_plane }),
    ];
    if !probes.is_empty() {
        let probes = serde_json::to_string(probes).expect("a map of plain data is JSON");
        variables.push(json!({ "name": APP_PROBES_VARIABLE, "value": probes }));
    }
    variables
}

fn resources() -> Value {
    // Many times what it takes; a sidecar that grows for ever must not take its node down.
    json!({ "limits": { "memory": "256Mi" }, "requests": { "cpu": "10m", "memory": "40Mi" } })
}
