//! Deployments.

use serde_json::{Value, json};

use super::{
    FieldError, immutable, invalid, keep, pod_spec, set_default, validate_counts, validate_selector_and_template,
    without_zeros,
};

/// The numbers of the status; all but the first and the last count some of the first.
const COUNTS: &[&str] = &["replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"];

/// Fills in what apps/v1 promises.
pub fn default(deployment: &mut Value) {
    let spec = &mut deployment["spec"];
    set_default(spec, "replicas", 1);
    set_default(spec, "revisionHistoryLimit", 10);
    set_default(spec, "progressDeadlineSeconds", 600);
    set_default(spec, "strategy", json!({}));
    let strategy = &mut spec["strategy"];
    set_default(strategy, "type", "RollingUpdate");
    if strategy["type"] == "RollingUpdate" {
        set_default(&mut strategy["rollingUpdate"], "maxSurge", "25%");
        set_default(&mut strategy["rollingUpdate"], "maxUnavailable", "25%");
    }
    set_default(spec, "template", json!({}));
    pod_spec::default_template(&mut spec["template"]);
    without_zeros(&mut deployment["status"], COUNTS);
}

/// The status is the controller's.
pub fn prepare_create(deployment: &mut Value) {
    deployment["status"] = json!({});
}

/// The status is changed through `/status`.
pub fn prepare_update(deployment: &mut Value, before: &Value) {
    keep(deployment, before, "status");
}

/// Complains about the selector, the template and the numbers.
pub fn validate(deployment: &Value) -> Vec<FieldError> {
    let mut causes = validate_selector_and_template(deployment);
    let replicas = &deployment["spec"]["replicas"];
    if replicas.as_i64().is_some_and(|count| count < 0) {
        causes.push(invalid("spec.replicas", replicas, "must be greater than or equal to 0"));
    }
    causes
}

/// The same for a changed deployment, whose selector is fixed.
pub fn validate_update(deployment: &Value, before: &Value) -> Vec<FieldError> {
    let mut causes = validate(deployment);
    immutable(&deployment["spec"]["selector"], &before["spec"]["selector"], "spec.selector", &mut causes);
    validate_counts(&deployment["status"], COUNTS, &mut causes);
    causes
}
