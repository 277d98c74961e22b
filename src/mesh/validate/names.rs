//! Names, labels, hosts and ports, as Kubernetes and Istio spell them.

use serde_json::Value;

use super::{Mistake, Path, Report, Stages};

/// The longest a label may be (RFC 1123), and a host name.
const LABEL: usize = 63;
const HOST: usize = 255;

/// Whether a text is a DNS label: letters, digits and inner hyphens.
pub(super) fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !text.is_empty() && text.len() <= LABEL && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// Whether a text is a DNS label in lower case, as names of namespaces and Services are.
pub(super) fn is_object_name(text: &str) -> bool {
    is_label(text) && !text.chars().any(|c| c.is_ascii_uppercase())
}

/// What is wrong with a host that may start with a wildcard.
pub(super) fn host_problem(host: &str) -> Option<String> {
    if host.len() > HOST {
        return Some(format!("host `{host}` is longer than {HOST} characters"));
    }
    if host.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some(format!("host `{host}` is an address, not a name"));
    }
    let (first, rest) = host.split_once('.').map_or((host, None), |(first, rest)| (first, Some(rest)));
    let without_star = first.strip_prefix('*').map_or(first, |suffix| suffix.trim_start_matches('-'));
    if !is_label(without_star) && first != "*" {
        return Some(format!("host `{host}`: `{first}` is not a DNS label"));
    }
    let labels: Vec<&str> =
        rest.map_or_else(Vec::new, |rest| rest.strip_suffix('.').unwrap_or(rest).split('.').collect());
    if let Some(label) = labels.iter().find(|label| !is_label(label)) {
        let reason = match label.contains('*') {
            true => "a wildcard may only stand in the first label",
            false => "that is not a DNS label",
        };
        return Some(format!("host `{host}`: `{label}`: {reason}"));
    }
    let last = labels.last()?;
    last.chars().all(|c| c.is_ascii_digit()).then(|| format!("host `{host}` ends with a number"))
}

/// What is wrong with a label and its value.
pub(super) fn label_problem(key: &str, value: &str) -> Option<String> {
    let name = key.rsplit('/').next().unwrap_or_default();
    let tag = |text: &str| {
        let ends = text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric());
        ends && text.len() <= LABEL && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    if !tag(name) {
        return Some(format!("`{key}` is not a label key"));
    }
    (!value.is_empty() && !tag(value)).then(|| format!("`{value}` is not a value for the label `{key}`"))
}

/// A port number, if it is one: 1 to 65535.
pub(super) fn port(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|&port| port > 0)
}

/// Objects need a name that Kubernetes takes.
pub(super) fn metadata(object: &Value, report: &mut Report) {
    let (metadata, path) = (&object["metadata"], Path::of(&["metadata", "name"]));
    match metadata["name"].as_str().filter(|name| !name.is_empty()) {
        None if !metadata["generateName"].is_null() => {}
        None => report.refuse(Mistake::Required, Stages::Schema, &path, "a name is required"),
        Some(name) if name.split('.').all(is_object_name) => {}
        Some(name) => {
            let message = format!("`{name}` is not a name: lower-case letters, digits, hyphens and dots");
            report.refuse(Mistake::BadName, Stages::Schema, &path, message);
        }
    }
}
