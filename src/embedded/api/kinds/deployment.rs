//! Deployments.

use serde_json::{Value, json};

use super::{
    FieldError, forbidden, immutable, invalid, keep, not_negative, pod_spec, set_default, unsupported, validate_counts,
    validate_selector_and_template, without_zeros,
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

/// Complains about the selector, the template, the strategy and the numbers.
pub fn validate(deployment: &Value) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let spec = &deployment["spec"];
    not_negative(&spec["replicas"], "spec.replicas", &mut causes);
    causes.extend(validate_selector_and_template(deployment));
    check_strategy(&spec["strategy"], &mut causes);
    for field in ["minReadySeconds", "revisionHistoryLimit"] {
        not_negative(&spec[field], &format!("spec.{field}"), &mut causes);
    }
    let number = |field: &str| spec[field].as_i64().unwrap_or(0);
    if spec["progressDeadlineSeconds"].is_number() {
        not_negative(&spec["progressDeadlineSeconds"], "spec.progressDeadlineSeconds", &mut causes);
        if number("progressDeadlineSeconds") <= number("minReadySeconds") {
            let detail = "must be greater than minReadySeconds";
            causes.push(invalid("spec.progressDeadlineSeconds", &spec["progressDeadlineSeconds"], detail));
        }
    }
    causes
}

fn check_strategy(strategy: &Value, causes: &mut Vec<FieldError>) {
    let rolling = &strategy["rollingUpdate"];
    match strategy["type"].as_str() {
        Some("Recreate") if rolling.is_object() => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            causes.push(forbidden("spec.strategy.rollingUpdate", detail));
        }
        Some("Recreate") => {}
        Some("RollingUpdate") => check_rolling_update(rolling, causes),
        _ => causes.push(unsupported("spec.strategy", strategy, &["Recreate", "RollingUpdate"])),
    }
}

fn check_rolling_update(rolling: &Value, causes: &mut Vec<FieldError>) {
    const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or \
        '93%', regex used for validation is '[0-9]+%')";
    let percent = |field: &str| rolling[field].as_str().and_then(|text| text.strip_suffix('%')?.parse::<u32>().ok());
    for field in ["maxUnavailable", "maxSurge"] {
        let (value, path) = (&rolling[field], format!("spec.strategy.rollingUpdate.{field}"));
        if value.is_string() && percent(field).is_none() {
            causes.push(invalid(path, value, PERCENT));
        } else {
            not_negative(value, &path, causes);
        }
    }
    let is_zero = |field: &str| rolling[field] == 0 || percent(field) == Some(0);
    let field = "spec.strategy.rollingUpdate.maxUnavailable";
    if is_zero("maxUnavailable") && is_zero("maxSurge") {
        causes.push(invalid(field, &rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0"));
    }
    if percent("maxUnavailable").is_some_and(|percent| percent > 100) {
        causes.push(invalid(field, &rolling["maxUnavailable"], "must not be greater than 100%"));
    }
}

/// The same for a changed deployment, whose selector is fixed.
pub fn validate_update(deployment: &Value, before: &Value) -> Vec<FieldError> {
    let mut causes = validate(deployment);
    immutable(&deployment["spec"]["selector"], &before["spec"]["selector"], "spec.selector", &mut causes);
    validate_counts(&deployment["status"], COUNTS, &mut causes);
    causes
}
