//! Leases.

use serde_json::{Value, json};

use super::{FieldError, invalid, set_default};

/// A lease that says nothing says so.
pub fn default(lease: &mut Value) {
    set_default(lease, "spec", json!({}));
}

/// Complains about times and counts that make no sense.
pub fn validate(lease: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let spec = &lease["spec"];
    if spec["leaseDurationSeconds"].as_i64().is_some_and(|seconds| seconds <= 0) {
        causes.push(invalid("spec.leaseDurationSeconds", &spec["leaseDurationSeconds"], "must be greater than 0"));
    }
    if spec["leaseTransitions"].as_i64().is_some_and(|count| count < 0) {
        causes.push(invalid("spec.leaseTransitions", &spec["leaseTransitions"], "must to greater or equal than 0"));
    }
    causes
}
