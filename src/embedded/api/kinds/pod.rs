//! Pods.

use serde_json::{Value, json};

use super::{FieldError, forbidden, invalid, items, keep, pod_spec, pod_validation};

/// Fills in what core/v1 promises.
pub fn default(pod: &mut Value) {
    pod_spec::default(&mut pod["spec"]);
    super::set_default(&mut pod["spec"], "enableServiceLinks", true);
}

/// A new pod waits, whatever its author says.
pub fn prepare_create(pod: &mut Value) {
    let class = quality_of_service(&pod["spec"]);
    pod["status"] = json!({"phase": "Pending", "qosClass": class});
}

/// The status is changed through `/status`.
pub fn prepare_update(pod: &mut Value, before: &Value) {
    keep(pod, before, "status");
}

/// Complains about a new pod.
pub fn validate(pod: &Value) -> Vec<FieldError> {
    pod_validation::validate_spec(&pod["spec"], "spec")
}

/// Complains about a changed pod: hardly anything of it may change.
pub fn validate_update(pod: &Value, before: &Value) -> Vec<FieldError> {
    let mut causes = pod_validation::validate_spec(&pod["spec"], "spec");
    let lists = ["containers", "initContainers"];
    let counts = |pod: &Value| lists.map(|list| items(&pod["spec"][list]).len());
    if counts(pod) != counts(before) {
        causes.push(forbidden("spec.containers", "pod updates may not add or remove containers"));
    }
    let deadline = |pod: &Value| pod["spec"]["activeDeadlineSeconds"].as_i64();
    if deadline(before).is_some_and(|old| deadline(pod).is_none_or(|new| new > old)) {
        let detail = "must be less than or equal to previous value";
        causes.push(invalid("spec.activeDeadlineSeconds", &pod["spec"]["activeDeadlineSeconds"], detail));
    }
    let mut allowed = before["spec"].clone();
    for field in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates"] {
        keep(&mut allowed, &pod["spec"], field);
    }
    for list in lists {
        let images = items(&pod["spec"][list]).iter().map(|container| container["image"].clone());
        for (container, image) in super::items_mut(&mut allowed, &format!("/{list}")).iter_mut().zip(images) {
            container["image"] = image;
        }
    }
    if causes.is_empty() && pod["spec"] != allowed {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`,\
            `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
            tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        causes.push(forbidden("spec", detail));
    }
    causes
}

/// The class by which a crowded node chooses its victims.
fn quality_of_service(spec: &Value) -> &'static str {
    let containers = || items(&spec["containers"]).iter().chain(items(&spec["initContainers"]));
    let set = |container: &Value, list: &str| {
        container["resources"][list]
            .as_object()
            .is_some_and(|resources| resources.keys().any(|key| key == "cpu" || key == "memory"))
    };
    if !containers().any(|container| set(container, "requests") || set(container, "limits")) {
        return "BestEffort";
    }
    let guaranteed = containers().all(|container| {
        let resources = &container["resources"];
        ["cpu", "memory"].iter().all(|&name| {
            !resources["limits"][name].is_null()
                && (resources["requests"][name].is_null() || resources["requests"][name] == resources["limits"][name])
        })
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}
