//! Replica sets.

use serde_json::{Value, json};

use super::{
    FieldError, immutable, keep, not_negative, pod_spec, set_default, validate_counts, validate_selector_and_template,
    without_zeros,
};

/// The numbers of the status; all but the first count some of the first.
const COUNTS: &[&str] = &["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"];

/// Fills in what apps/v1 promises.
pub fn default(set: &mut Value) {
    let spec = &mut set["spec"];
    set_default(spec, "replicas", 1);
    set_default(spec, "template", json!({}));
    pod_spec::default_template(&mut spec["template"]);
    without_zeros(&mut set["status"], &COUNTS[1..]);
}

/// The status is the controller's.
pub fn prepare_create(set: &mut Value) {
    set["status"] = json!({"replicas": 0});
}

/// The status is changed through `/status`.
pub fn prepare_update(set: &mut Value, before: &Value) {
    keep(set, before, "status");
}

/// Complains about the selector and the template.
pub fn validate(set: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    not_negative(&set["spec"]["replicas"], "spec.replicas", &mut causes);
    causes.extend(validate_selector_and_template(set));
    causes
}

/// The same for a changed set, whose selector is fixed.
pub fn validate_update(set: &Value, before: &Value) -> Vec<FieldError> {
    let mut causes = validate(set);
    immutable(&set["spec"]["selector"], &before["spec"]["selector"], "spec.selector", &mut causes);
    validate_counts(&set["status"], COUNTS, &mut causes);
    causes
}
