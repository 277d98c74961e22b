//! Fields by which a pod reaches out of itself, to its node or to other pods there.
//!
//! They are those that Kubernetes' Pod Security Standard `baseline` does not allow, with few kinds of volumes left, as in
//! `restricted`.

use serde_json::Value;

use crate::render::object::Object;

/// Of a pod's spec; `*` stands for every item or key.
const OF_POD: &[&str] = &[
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "priorityClassName",
    "securityContext.seLinuxOptions",
    "securityContext.sysctls",
    "securityContext.windowsOptions",
];
/// Of a container.
const OF_CONTAINER: &[&str] = &[
    // Probes and hooks are done by the node, which reaches more than the pod.
    "*.httpGet.host",
    "*.tcpSocket.host",
    "lifecycle.*.*.host",
    "ports.*.hostPort",
    "securityContext.privileged",
    "securityContext.procMount",
    "securityContext.seLinuxOptions",
    "securityContext.windowsOptions",
];
/// Of both; wrong only if they say `Unconfined`.
const PROFILES: &[&str] = &["securityContext.appArmorProfile.type", "securityContext.seccompProfile.type"];
/// Lists of containers in a pod's spec.
const CONTAINERS: &[&str] = &["containers", "ephemeralContainers", "initContainers"];
/// What a container may add to what it may do.
const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// Volumes that hold nothing of the node.
const VOLUMES: &[&str] =
    &["configMap", "downwardAPI", "emptyDir", "ephemeral", "name", "persistentVolumeClaim", "projected", "secret"];

/// The first such field of an object that makes pods.
pub(super) fn host_field(object: &Object) -> Option<String> {
    let pod = match object.kind() {
        "Pod" => "",
        "CronJob" => "/spec/jobTemplate/spec/template",
        "DaemonSet" | "Deployment" | "Job" | "ReplicaSet" | "StatefulSet" => "/spec/template",
        _ => return None,
    };
    let prefix = pod.trim_start_matches('/').replace('/', ".");
    let pod = object.value().pointer(pod)?;
    let field = in_spec(pod.get("spec")?).map(|field| format!("spec.{field}"))?;
    Some(if prefix.is_empty() { field } else { format!("{prefix}.{field}") })
}

fn in_spec(spec: &Value) -> Option<String> {
    let own = of(spec, OF_POD, &says).or_else(|| of(spec, PROFILES, &is_unconfined));
    own.or_else(|| volume(spec)).or_else(|| {
        CONTAINERS.iter().find_map(|list| {
            let containers = spec.get(list)?.as_array()?.iter().enumerate();
            let found = containers.filter_map(|(index, container)| Some((index, in_container(container)?)));
            found.map(|(index, field)| format!("{list}[{index}].{field}")).next()
        })
    })
}

fn in_container(container: &Value) -> Option<String> {
    let plain = of(container, OF_CONTAINER, &says).or_else(|| of(container, PROFILES, &is_unconfined));
    let capability = |value: &Value| value.as_str().is_none_or(|name| !CAPABILITIES.contains(&name));
    plain.or_else(|| of(container, &["securityContext.capabilities.add.*"], &capability))
}

fn volume(spec: &Value) -> Option<String> {
    let volumes = spec.get("volumes")?.as_array()?.iter().enumerate();
    let mut fields =
        volumes.flat_map(|(index, volume)| volume.as_object().into_iter().flatten().map(move |it| (index, it.0)));
    let (index, kind) = fields.find(|(_, kind)| !VOLUMES.contains(&kind.as_str()))?;
    Some(format!("volumes[{index}].{}", kind.escape_debug()))
}

/// The first of `fields` for whose value `test` holds.
fn of(value: &Value, fields: &[&str], test: &impl Fn(&Value) -> bool) -> Option<String> {
    fields.iter().find_map(|field| find(value, field, test))
}

/// The field as it is written, `ports[0].hostPort`.
fn find(value: &Value, field: &str, test: &impl Fn(&Value) -> bool) -> Option<String> {
    let (first, rest) = field.split_once('.').unwrap_or((field, ""));
    let below = |key: String, value: &Value| {
        if rest.is_empty() {
            return test(value).then_some(key);
        }
        let inner = find(value, rest, test)?;
        Some(if inner.starts_with('[') { key + &inner } else { format!("{key}.{inner}") })
    };
    match (first, value) {
        ("*", Value::Array(items)) => {
            items.iter().enumerate().find_map(|(index, item)| below(format!("[{index}]"), item))
        }
        ("*", Value::Object(entries)) => {
            entries.iter().find_map(|(key, value)| below(key.escape_debug().to_string(), value))
        }
        (key, value) => below(key.to_owned(), value.get(key)?),
    }
}

/// Whether a field asks for something; `false` and what is empty do not.
pub(super) fn says(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    }
}

fn is_unconfined(value: &Value) -> bool {
    value.as_str() == Some("Unconfined")
}
