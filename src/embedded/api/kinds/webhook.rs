//! Webhook configurations.

use serde_json::{Value, json};

use super::{FieldError, invalid, is_unset, items, items_mut, required, set_default, unsupported};

/// Fills in what admissionregistration.k8s.io/v1 promises.
pub fn default(configuration: &mut Value) {
    for webhook in items_mut(configuration, "/webhooks") {
        set_default(webhook, "failurePolicy", "Fail");
        set_default(webhook, "matchPolicy", "Equivalent");
        set_default(webhook, "namespaceSelector", json!({}));
        set_default(webhook, "objectSelector", json!({}));
        set_default(webhook, "timeoutSeconds", 10);
        set_default(webhook, "reinvocationPolicy", "Never");
        if webhook["clientConfig"]["service"].is_object() {
            set_default(&mut webhook["clientConfig"]["service"], "port", 443);
        }
        for rule in items_mut(webhook, "/rules") {
            set_default(rule, "scope", "*");
        }
    }
}

/// Complains about the webhooks.
pub fn validate(configuration: &Value) -> Vec<FieldError> {
    let webhooks = items(&configuration["webhooks"]).iter().enumerate();
    webhooks.flat_map(|(index, webhook)| validate_webhook(webhook, &format!("webhooks[{index}]"))).collect()
}

fn validate_webhook(webhook: &Value, path: &str) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let name = webhook["name"].as_str().unwrap_or_default();
    if name.split('.').filter(|part| !part.is_empty()).count() < 3 {
        let detail = "should be a domain with at least three segments separated by dots";
        causes.push(invalid(format!("{path}.name"), &Value::from(name), detail));
    }
    let client = &webhook["clientConfig"];
    if is_unset(&client["url"]) == client["service"].is_null() {
        causes.push(required(format!("{path}.clientConfig"), "exactly one of url or service is required"));
    }
    let effects = &webhook["sideEffects"];
    if !["None", "NoneOnDryRun"].iter().any(|&known| effects == known) {
        causes.push(unsupported(format!("{path}.sideEffects"), effects, &["None", "NoneOnDryRun"]));
    }
    let versions = items(&webhook["admissionReviewVersions"]);
    if versions.is_empty() {
        let detail = "must specify one of v1, v1beta1";
        causes.push(required(format!("{path}.admissionReviewVersions"), detail));
    } else if !versions.iter().any(|version| version == "v1") {
        let detail = "must include at least one of v1, v1beta1";
        let value = &webhook["admissionReviewVersions"];
        causes.push(invalid(format!("{path}.admissionReviewVersions"), value, detail));
    }
    if !items(&webhook["matchConditions"]).is_empty() {
        let detail = "the embedded cluster evaluates no expressions (CEL)";
        causes.push(FieldError::forbidden(format!("{path}.matchConditions"), detail));
    }
    let seconds = &webhook["timeoutSeconds"];
    if seconds.as_i64().is_some_and(|seconds| !(1..=30).contains(&seconds)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        causes.push(invalid(format!("{path}.timeoutSeconds"), seconds, detail));
    }
    causes
}
