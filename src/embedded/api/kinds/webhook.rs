//! Webhook configurations.

mod client;
mod rules;

use serde_json::{Value, json};

use super::{FieldError, invalid, items, items_mut, required, set_default, unsupported};
use crate::embedded::objects::{names, selector::LabelSelector};

/// The versions of the question that the server can ask.
const REVIEWS: &[&str] = &["v1", "v1beta1"];

/// Fills in what admissionregistration.k8s.io/v1 promises about webhooks that change objects.
pub fn default_mutating(configuration: &mut Value) {
    default_validating(configuration);
    for webhook in items_mut(configuration, "/webhooks") {
        set_default(webhook, "reinvocationPolicy", "Never");
    }
}

/// Fills in what admissionregistration.k8s.io/v1 promises about all webhooks.
pub fn default_validating(configuration: &mut Value) {
    for webhook in items_mut(configuration, "/webhooks") {
        set_default(webhook, "failurePolicy", "Fail");
        set_default(webhook, "matchPolicy", "Equivalent");
        set_default(webhook, "namespaceSelector", json!({}));
        set_default(webhook, "objectSelector", json!({}));
        set_default(webhook, "timeoutSeconds", 10);
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
    let mut causes = Vec::new();
    let mut seen = Vec::new();
    for (index, webhook) in items(&configuration["webhooks"]).iter().enumerate() {
        let path = format!("webhooks[{index}]");
        validate_webhook(webhook, &path, &mut causes);
        validate_reviews(&webhook["admissionReviewVersions"], &format!("{path}.admissionReviewVersions"), &mut causes);
        let name = webhook["name"].as_str().unwrap_or_default();
        if seen.contains(&name) {
            causes.push(FieldError::duplicate(format!("{path}.name"), name));
        }
        seen.extend(Some(name).filter(|name| !name.is_empty()));
    }
    causes
}

fn validate_webhook(webhook: &Value, path: &str, causes: &mut Vec<FieldError>) {
    validate_name(webhook["name"].as_str().unwrap_or_default(), &format!("{path}.name"), causes);
    for (index, rule) in items(&webhook["rules"]).iter().enumerate() {
        rules::validate(rule, &format!("{path}.rules[{index}]"), causes);
    }
    one_of(webhook, "failurePolicy", &["Fail", "Ignore"], path, causes);
    one_of(webhook, "matchPolicy", &["Equivalent", "Exact"], path, causes);
    if webhook["sideEffects"].is_null() {
        causes.push(required(format!("{path}.sideEffects"), "must specify one of None, NoneOnDryRun"));
    }
    one_of(webhook, "sideEffects", &["None", "NoneOnDryRun"], path, causes);
    let seconds = &webhook["timeoutSeconds"];
    if seconds.as_i64().is_some_and(|seconds| !(1..=30).contains(&seconds)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        causes.push(invalid(format!("{path}.timeoutSeconds"), seconds, detail));
    }
    for field in ["namespaceSelector", "objectSelector"] {
        if let Err(error) = LabelSelector::from_object(&webhook[field]) {
            causes.push(FieldError { field: format!("{path}.{field}.{}", error.field), ..error });
        }
    }
    one_of(webhook, "reinvocationPolicy", &["IfNeeded", "Never"], path, causes);
    client::validate(&webhook["clientConfig"], &format!("{path}.clientConfig"), causes);
    if !items(&webhook["matchConditions"]).is_empty() {
        let detail = "the embedded cluster evaluates no expressions (CEL)";
        causes.push(FieldError::forbidden(format!("{path}.matchConditions"), detail));
    }
}

fn validate_name(name: &str, path: &str, causes: &mut Vec<FieldError>) {
    if name.is_empty() {
        causes.push(required(path, ""));
    } else if let Some(problem) = names::dns_subdomain(name) {
        causes.push(FieldError::invalid(path, name, problem));
    } else if name.split('.').count() < 3 {
        let detail = "should be a domain with at least three segments separated by dots";
        causes.push(FieldError::invalid(path, name, detail));
    }
}

fn one_of(webhook: &Value, field: &str, known: &[&str], path: &str, causes: &mut Vec<FieldError>) {
    let value = &webhook[field];
    if !value.is_null() && !known.iter().any(|known| value == known) {
        causes.push(unsupported(format!("{path}.{field}"), value, known));
    }
}

fn validate_reviews(versions: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let list = items(versions);
    if list.is_empty() {
        causes.push(required(path, &format!("must specify one of {}", REVIEWS.join(", "))));
        return;
    }
    for (index, version) in list.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if list[..index].contains(version) {
            causes.push(invalid(path, version, "duplicate version"));
        } else if let Some(problem) = names::dns_label_1035(version.as_str().unwrap_or_default()) {
            causes.push(FieldError::invalid(path, version.clone(), problem));
        }
    }
    if !REVIEWS.iter().any(|known| list.iter().any(|version| version == known)) {
        let detail = format!("must include at least one of {}", REVIEWS.join(", "));
        causes.push(FieldError::invalid(path, versions.clone(), detail));
    }
}
