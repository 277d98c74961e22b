//! Whether a new pod gets a sidecar, and how it looks with one. Pure: no cluster is asked.
//!
//! The webhook of the control plane calls this for each pod that is created.

mod containers;
mod decision;
mod probes;

use std::collections::BTreeMap;

use json_patch::Patch;
use serde_json::{Map, Value, json};

pub use containers::redirect_flags;
pub use decision::{Decision, NamespaceWish, PodWish, Reason, SYSTEM_NAMESPACES, decide};
pub use probes::{AppProbe, AppProbeTarget, AppProbes, ProbeHeader};

/// The sidecar's container.
pub const PROXY_CONTAINER: &str = "istio-proxy";
/// The init container that sets the redirection up.
pub const INIT_CONTAINER: &str = "istio-init";
/// The pod label that tells clients of the sidecar.
pub const TLS_MODE_LABEL: &str = "security.istio.io/tlsMode";
/// The label (or annotation) of a pod that asks for a sidecar, or refuses one.
pub const INJECT_LABEL: &str = "sidecar.istio.io/inject";
/// The annotation that lists what was injected.
pub const STATUS_ANNOTATION: &str = "sidecar.istio.io/status";
/// The environment variable with the [`AppProbes`] of the pod, as JSON.
pub const APP_PROBES_VARIABLE: &str = "ISTIO_KUBE_APP_PROBERS";
/// The environment variable with the name of what made the pod.
pub const WORKLOAD_VARIABLE: &str = "ISTIO_META_WORKLOAD_NAME";

/// Annotations that have an effect; others with a prefix of Istio's sidecar get a warning.
const KNOWN_ANNOTATIONS: &[&str] = &[
    INJECT_LABEL,
    STATUS_ANNOTATION,
    probes::REWRITE_ANNOTATION,
    containers::EXCLUDE_INBOUND,
    containers::INCLUDE_INBOUND,
    containers::EXCLUDE_OUTBOUND,
    containers::EXCLUDE_RANGES,
    containers::INCLUDE_RANGES,
];

/// Whether an annotation of Istio has a meaning for a Service or a pod of this mesh.
pub(crate) fn is_known_annotation(name: &str) -> bool {
    KNOWN_ANNOTATIONS.contains(&name) || name == "networking.istio.io/exportTo"
}

/// What injected pods have in common.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The image with the programs `init` and `sidecar`.
    pub image: String,
    /// Host and port of the control plane, as sidecars dial it.
    pub control_plane: String,
    /// The mesh's trust domain.
    pub trust_domain: String,
}

/// Why a pod cannot be given a sidecar; it is refused then, with this message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InjectError {
    /// An annotation that changes the redirection makes no sense.
    #[error("annotation {0}")]
    Annotation(super::init::FlagError),
    /// Not a pod at all.
    #[error("the object is not a pod with containers")]
    NotAPod,
}

/// A pod's way into the mesh.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// What to change.
    pub patch: Patch,
    /// What the pod's author should know.
    pub warnings: Vec<String>,
}

/// Computes the patch that gives `pod` (which [`decide`] chose) its sidecar.
///
/// # Errors
/// [`InjectError`] if the pod contradicts itself.
pub fn inject(pod: &Value, settings: &Settings) -> Result<Injection, InjectError> {
    let first = pod["spec"]["containers"][0]["name"].as_str().ok_or(InjectError::NotAPod)?;
    let annotations = strings(&pod["metadata"]["annotations"]);
    let mut injected = pod.as_object().cloned().unwrap_or_default();
    let spec = object(&mut injected, "spec");
    let app_probes = probes::rewrite(array(spec, "containers"), &annotations);
    array(spec, "initContainers").push(containers::init(settings, &annotations).map_err(InjectError::Annotation)?);
    let workload = workload_name(pod, "unknown");
    array(spec, "containers").push(containers::proxy(settings, &workload, &app_probes));
    array(spec, "volumes").extend(containers::volumes());
    let metadata = object(&mut injected, "metadata");
    label(metadata, workload);
    annotate(metadata, first);
    Ok(Injection { patch: json_patch::diff(pod, &Value::Object(injected)), warnings: warnings(&annotations) })
}

/// Labels the pod as one of the mesh, without touching what its author chose.
fn label(metadata: &mut Map<String, Value>, workload: String) {
    let own = strings(metadata.get("labels").unwrap_or(&Value::Null));
    let first_of = |names: &[&str]| names.iter().find_map(|name| own.get(*name).cloned());
    let name = first_of(&["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"]).unwrap_or(workload);
    let revision = first_of(&["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"])
        .unwrap_or_else(|| "latest".to_owned());
    let labels = object(metadata, "labels");
    labels.entry(TLS_MODE_LABEL).or_insert_with(|| "istio".into());
    labels.entry("service.istio.io/canonical-name").or_insert_with(|| name.into());
    labels.entry("service.istio.io/canonical-revision").or_insert_with(|| revision.into());
}

fn annotate(metadata: &mut Map<String, Value>, first_container: &str) {
    let status = json!({
        "initContainers": [INIT_CONTAINER],
        "containers": [PROXY_CONTAINER],
        "volumes": containers::volumes().map(|volume| volume["name"].clone()),
    });
    let annotations = object(metadata, "annotations");
    annotations.insert(STATUS_ANNOTATION.to_owned(), status.to_string().into());
    for default in ["kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container"] {
        annotations.entry(default).or_insert_with(|| first_container.into());
    }
}

/// The name of what made a pod: `httpbin` for `httpbin-7d9f-` of a Deployment, else the pod's own, else `otherwise`.
pub(crate) fn workload_name(pod: &Value, otherwise: &str) -> String {
    let metadata = &pod["metadata"];
    let Some(generated) = metadata["generateName"].as_str().map(|name| name.trim_end_matches('-')) else {
        return metadata["name"].as_str().unwrap_or(otherwise).to_owned();
    };
    let hash = metadata["labels"]["pod-template-hash"].as_str();
    let suffix = hash.map(|hash| format!("-{hash}")).unwrap_or_default();
    generated.strip_suffix(&suffix).unwrap_or(generated).to_owned()
}

fn warnings(annotations: &BTreeMap<String, String>) -> Vec<String> {
    let istios = ["sidecar.istio.io/", "traffic.sidecar.istio.io/", "proxy.istio.io/", "inject.istio.io/"];
    let ignored = annotations.keys().filter(|name| {
        istios.iter().any(|prefix| name.starts_with(prefix)) && !KNOWN_ANNOTATIONS.contains(&name.as_str())
    });
    ignored.map(|name| format!("annotation {name} has no effect in this mesh")).collect()
}

/// A map of texts such as labels; empty if there is none.
fn strings(map: &Value) -> BTreeMap<String, String> {
    let entries = map.as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// The object at `key`, made if there is none.
fn object<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let child = parent.entry(key).or_insert(Value::Null);
    if !child.is_object() {
        *child = Value::Object(Map::new());
    }
    child.as_object_mut().expect("it was just made an object")
}

/// The list at `key`, made if there is none.
fn array<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let child = parent.entry(key).or_insert(Value::Null);
    if !child.is_array() {
        *child = Value::Array(Vec::new());
    }
    child.as_array_mut().expect("it was just made a list")
}

#[cfg(test)]
mod tests;
