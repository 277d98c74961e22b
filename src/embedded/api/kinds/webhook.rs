//! Webhook configurations.

use serde_json::{Value, json};

use super::{FieldError, duplicate, invalid, is_unset, items, items_mut, required, set_default, unsupported};
use crate::embedded::objects::names;

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
    let mut causes = Vec::new();
    let webhooks = items(&configuration["webhooks"]);
    for (index, webhook) in webhooks.iter().enumerate() {
        let path = format!("webhooks[{index}]");
        validate_webhook(webhook, &path, &mut causes);
        check_versions(&webhook["admissionReviewVersions"], format!("{path}.admissionReviewVersions"), &mut causes);
        let name = &webhook["name"];
        if !is_unset(name) && webhooks[..index].iter().any(|other| other["name"] == *name) {
            causes.push(duplicate(format!("{path}.name"), name));
        }
    }
    causes
}

fn validate_webhook(webhook: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let name = webhook["name"].as_str().unwrap_or_default();
    if name.split('.').filter(|part| !part.is_empty()).count() < 3 {
        let detail = "should be a domain with at least three segments separated by dots";
        causes.push(invalid(format!("{path}.name"), &Value::from(name), detail));
    }
    for (index, rule) in items(&webhook["rules"]).iter().enumerate() {
        check_rule(rule, &format!("{path}.rules[{index}]"), causes);
    }
    let mut choice = |field: &str, known: &[&str]| {
        if !known.iter().any(|&known| webhook[field] == known) {
            causes.push(unsupported(format!("{path}.{field}"), &webhook[field], known));
        }
    };
    choice("failurePolicy", &["Fail", "Ignore"]);
    choice("matchPolicy", &["Equivalent", "Exact"]);
    if is_unset(&webhook["sideEffects"]) {
        causes.push(required(format!("{path}.sideEffects"), "must specify one of None, NoneOnDryRun"));
    } else {
        choice("sideEffects", &["None", "NoneOnDryRun"]);
    }
    let seconds = &webhook["timeoutSeconds"];
    if seconds.as_i64().is_some_and(|seconds| !(1..=30).contains(&seconds)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        causes.push(invalid(format!("{path}.timeoutSeconds"), seconds, detail));
    }
    let policy = &webhook["reinvocationPolicy"];
    if policy != "Never" && policy != "IfNeeded" {
        causes.push(unsupported(format!("{path}.reinvocationPolicy"), policy, &["IfNeeded", "Never"]));
    }
    check_client(&webhook["clientConfig"], &format!("{path}.clientConfig"), causes);
    if !items(&webhook["matchConditions"]).is_empty() {
        let detail = "the embedded cluster evaluates no expressions (CEL)";
        causes.push(FieldError::forbidden(format!("{path}.matchConditions"), detail));
    }
}

fn check_versions(versions: &Value, field: String, causes: &mut Vec<FieldError>) {
    if items(versions).is_empty() {
        causes.push(required(field, "must specify one of v1, v1beta1"));
    } else if !items(versions).iter().any(|version| version == "v1") {
        causes.push(invalid(field, versions, "must include at least one of v1, v1beta1"));
    }
}

fn check_rule(rule: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let operations = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    if items(&rule["operations"]).is_empty() {
        causes.push(required(format!("{path}.operations"), ""));
    }
    for (index, operation) in items(&rule["operations"]).iter().enumerate() {
        if !operations.iter().any(|&known| operation == known) {
            causes.push(unsupported(format!("{path}.operations[{index}]"), operation, operations));
        }
    }
    for (field, others) in [
        ("apiGroups", "other API groups"),
        ("apiVersions", "other API versions"),
        ("resources", "other resources without subresources"),
    ] {
        let list = items(&rule[field]);
        let everything = list.iter().any(|entry| entry == "*");
        let mut others_named = list.iter().filter_map(Value::as_str).filter(|&entry| entry != "*");
        if list.is_empty() {
            causes.push(required(format!("{path}.{field}"), ""));
        } else if everything && others_named.any(|entry| field != "resources" || !entry.contains('/')) {
            let detail = format!("if '*' is present, must not specify {others}");
            causes.push(invalid(format!("{path}.{field}"), &rule[field], &detail));
        }
    }
    let scopes = &["*", "Cluster", "Namespaced"];
    if !scopes.iter().any(|&known| rule["scope"] == known) {
        causes.push(unsupported(format!("{path}.scope"), &rule["scope"], scopes));
    }
}

fn check_client(client: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let (url, service) = (client["url"].as_str().unwrap_or_default(), &client["service"]);
    if url.is_empty() == service.is_null() {
        causes.push(required(path, "exactly one of url or service is required"));
    } else if service.is_object() {
        check_service(service, &format!("{path}.service"), causes);
    } else if let Some((scheme, _)) = url.split_once("://").filter(|(scheme, _)| *scheme != "https") {
        let detail = "'https' is the only allowed URL scheme; desired format: https://host[/path]";
        causes.push(invalid(format!("{path}.url"), &Value::from(scheme), detail));
    }
}

fn check_service(service: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for field in ["name", "namespace"] {
        if is_unset(&service[field]) {
            causes.push(required(format!("{path}.{field}"), &format!("service {field} is required")));
        }
    }
    if service["port"].as_i64().is_some_and(|port| !(1..=65535).contains(&port)) {
        let detail = "port is not valid: must be between 1 and 65535, inclusive";
        causes.push(invalid(format!("{path}.port"), &service["port"], detail));
    }
    let field = format!("{path}.path");
    let Some(text) = service["path"].as_str().filter(|text| !matches!(*text, "" | "/")) else { return };
    if !text.starts_with('/') {
        causes.push(invalid(field.clone(), &service["path"], "must start with a '/'"));
    }
    let rest: String = text.chars().skip(1).collect();
    for (index, segment) in rest.strip_suffix('/').unwrap_or(&rest).split('/').enumerate() {
        let problem = match segment {
            "" => Some(format!("segment[{index}] may not be empty")),
            _ => names::dns_subdomain(segment).map(|problem| format!("segment[{index}]: {problem}")),
        };
        causes.extend(problem.map(|problem| invalid(field.clone(), &service["path"], &problem)));
    }
}
