//! Where a webhook is: a URL or a service.

use serde_json::Value;

use super::super::{FieldError, is_unset, required};
use crate::embedded::objects::names;

/// What every complaint about a URL ends with.
const FORM: &str = "; desired format: https://host[/path]";

/// Complains about the place of a webhook.
pub(super) fn validate(client: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let (url, service) = (&client["url"], &client["service"]);
    if is_unset(url) == service.is_null() {
        causes.push(required(path, "exactly one of url or service is required"));
    } else if let Some(url) = url.as_str() {
        validate_url(url, &format!("{path}.url"), causes);
    } else {
        validate_service(service, &format!("{path}.service"), causes);
    }
}

fn validate_url(url: &str, path: &str, causes: &mut Vec<FieldError>) {
    let (url_text, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (url_text, query) = url_text.split_once('?').unwrap_or((url_text, ""));
    let (scheme, rest) = url_text.split_once("://").unwrap_or(("", ""));
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if let Some(odd) = host.chars().find(|letter| letter.is_whitespace() || "<>\"\\^`{|}".contains(*letter)) {
        let why = format!("parse {url:?}: invalid character {:?} in host name", odd.to_string());
        causes.push(required(path, &format!("url must be a valid URL: {why}{FORM}")));
        return;
    }
    let mut complain = |value: &str, detail: &str| {
        causes.push(FieldError::invalid(path, value, format!("{detail}{FORM}")));
    };
    if scheme != "https" {
        complain(scheme, "'https' is the only allowed URL scheme");
    }
    if host.is_empty() {
        complain(host, "host must be specified");
    }
    if !user.is_empty() {
        complain(user, "user information is not permitted in the URL");
    }
    if !fragment.is_empty() {
        complain(fragment, "fragments are not permitted in the URL");
    }
    if !query.is_empty() {
        complain(query, "query parameters are not permitted in the URL");
    }
}

fn validate_service(service: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for field in ["name", "namespace"] {
        if is_unset(&service[field]) {
            causes.push(required(format!("{path}.{field}"), &format!("service {field} is required")));
        }
    }
    let port = service["port"].as_i64().unwrap_or(443);
    if !(1..=65535).contains(&port) {
        let detail = "port is not valid: must be between 1 and 65535, inclusive";
        causes.push(FieldError::invalid(format!("{path}.port"), port, detail));
    }
    if let Some(url_path) = service["path"].as_str().filter(|path| !matches!(*path, "" | "/")) {
        validate_path(url_path, &format!("{path}.path"), causes);
    }
}

fn validate_path(url_path: &str, path: &str, causes: &mut Vec<FieldError>) {
    let mut complain = |detail: String| causes.push(FieldError::invalid(path, url_path, detail));
    if url_path == "//" {
        complain("segment[0] may not be empty".to_owned());
        return;
    }
    if !url_path.starts_with('/') {
        complain("must start with a '/'".to_owned());
    }
    // Kubernetes takes the first letter for the slash, whatever it is.
    let rest: String = url_path.chars().skip(1).collect();
    let rest = rest.strip_suffix('/').unwrap_or(&rest);
    for (index, segment) in rest.split('/').enumerate() {
        if segment.is_empty() {
            complain(format!("segment[{index}] may not be empty"));
        } else if let Some(problem) = names::dns_subdomain(segment) {
            complain(format!("segment[{index}]: {problem}"));
        }
    }
}
