//! DestinationRule beyond its shape.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Mistake, Path, Report, Stages, has, items, names, selector, text};

pub(super) fn check(object: &Value, spec: &Value, report: &mut Report) {
    let path = Path::of(&["spec"]);
    host(spec, &path.key("host"), report);
    traffic_policy(spec.get("trafficPolicy"), &path.key("trafficPolicy"), report);
    subsets(spec, &path.key("subsets"), report);
    let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("default");
    export_to(spec, namespace, &path.key("exportTo"), report);
    selector::check(spec.get("workloadSelector"), &path.key("workloadSelector"), report);
}

fn host(spec: &Value, path: &Path, report: &mut Report) {
    match spec.get("host") {
        None | Some(Value::Null) => report.refuse(Mistake::Required, Stages::Both, path, "host is required"),
        Some(Value::String(host)) if host.is_empty() => {
            report.refuse(Mistake::Required, Stages::Webhook, path, "host is empty, and it is required");
        }
        Some(Value::String(host)) => {
            if let Some(problem) = names::host_problem(host) {
                report.refuse(Mistake::BadHost, Stages::Webhook, path, problem);
            }
        }
        Some(_) => {}
    }
}

fn traffic_policy(policy: Option<&Value>, path: &Path, report: &mut Report) {
    let Some(policy) = policy.filter(|policy| policy.is_object()) else { return };
    const FIELDS: [&str; 8] = [
        "connectionPool",
        "loadBalancer",
        "outlierDetection",
        "portLevelSettings",
        "proxyProtocol",
        "retryBudget",
        "tls",
        "tunnel",
    ];
    if !FIELDS.iter().any(|field| has(policy, field)) {
        let message = "trafficPolicy is empty: it must have at least one field";
        report.refuse(Mistake::EmptyObject, Stages::Webhook, path, message);
    }
    if has(policy, "tunnel") && has(policy, "proxyProtocol") {
        let message = "tunnel and proxyProtocol exclude each other";
        report.refuse(Mistake::ConflictingFields, Stages::Webhook, path, message);
    }
    connection_pool(policy, path, report);
    load_balancer(policy, path, report);
    tls(policy.get("tls"), &path.key("tls"), report);
    let path = path.key("portLevelSettings");
    for (position, entry) in items(policy.get("portLevelSettings")) {
        port_settings(entry, &path.index(position), report);
    }
}

fn connection_pool(policy: &Value, path: &Path, report: &mut Report) {
    let Some(pool) = policy.get("connectionPool").filter(|pool| pool.is_object()) else { return };
    if !has(pool, "http") && !has(pool, "tcp") {
        let message = "connectionPool is empty: it must have at least one field";
        report.refuse(Mistake::EmptyObject, Stages::Webhook, &path.key("connectionPool"), message);
    }
}

fn load_balancer(policy: &Value, path: &Path, report: &mut Report) {
    let Some(balancer) = policy.get("loadBalancer").filter(|balancer| balancer.is_object()) else { return };
    if has(balancer, "simple") && has(balancer, "consistentHash") {
        let message = "simple and consistentHash exclude each other";
        report.refuse(Mistake::ConflictingFields, Stages::Schema, &path.key("loadBalancer"), message);
    }
}

fn port_settings(entry: &Value, path: &Path, report: &mut Report) {
    if !has(entry, "port") {
        let message = "an entry of portLevelSettings must name its port";
        report.refuse(Mistake::Required, Stages::Webhook, &path.key("port"), message);
    }
    if !["connectionPool", "loadBalancer", "outlierDetection", "tls"].iter().any(|field| has(entry, field)) {
        let message = "the entry says nothing about its port: it must have at least one field besides it";
        report.refuse(Mistake::EmptyObject, Stages::Webhook, path, message);
    }
    connection_pool(entry, path, report);
    load_balancer(entry, path, report);
    tls(entry.get("tls"), &path.key("tls"), report);
}

fn tls(settings: Option<&Value>, path: &Path, report: &mut Report) {
    let Some(settings) = settings.filter(|settings| settings.is_object()) else { return };
    let mode = text(settings, "mode").unwrap_or("DISABLE");
    let credential = text(settings, "credentialName").is_some();
    skip_verify(settings, mode, credential, path, report);
    if credential && matches!(mode, "SIMPLE" | "MUTUAL") {
        for field in ["clientCertificate", "privateKey", "caCertificates", "caCrl"] {
            if text(settings, field).is_some() {
                let message =
                    format!("credentialName already holds all certificates: `{field}` must not stand beside it");
                report.refuse(Mistake::ConflictingFields, Stages::Webhook, &path.key(field), message);
            }
        }
        return;
    }
    if mode != "MUTUAL" {
        return;
    }
    for (field, what) in
        [("clientCertificate", "client certificate"), ("privateKey", "private key for its certificate")]
    {
        if text(settings, field).is_none() {
            let message = format!("MUTUAL needs a {what} (or a credentialName)");
            report.refuse(Mistake::MissingCertificate, Stages::Webhook, &path.key(field), message);
        }
    }
}

fn skip_verify(settings: &Value, mode: &str, credential: bool, path: &Path, report: &mut Report) {
    let skips = settings.get("insecureSkipVerify").and_then(Value::as_bool) == Some(true);
    if !skips || !matches!(mode, "SIMPLE" | "MUTUAL") {
        return;
    }
    // Of a MUTUAL credential nobody can tell whether it holds roots besides the client's certificate.
    let with_secret = (mode == "SIMPLE" && credential).then_some("credentialName");
    let with_roots = text(settings, "caCertificates").map(|_| "caCertificates");
    let with_names = items(settings.get("subjectAltNames")).next().map(|_| "subjectAltNames");
    for field in [with_secret, with_roots, with_names].into_iter().flatten() {
        let message = format!("insecureSkipVerify takes any server: `{field}` must not stand beside it");
        report.refuse(Mistake::ConflictingFields, Stages::Webhook, &path.key(field), message);
    }
}

fn subsets(spec: &Value, path: &Path, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (position, subset) in items(spec.get("subsets")) {
        let path = path.index(position);
        if subset.is_null() {
            report.refuse(Mistake::EmptyObject, Stages::Webhook, &path, "a subset must not be null");
            continue;
        }
        let name = subset.get("name").and_then(Value::as_str);
        match name {
            // The schema wants the field to be there, the webhook wants it to be a name.
            None => report.refuse(Mistake::Required, Stages::Both, &path.key("name"), "a subset must have a name"),
            Some(name) if !names::is_label(name) => {
                let message = format!("`{name}` is not a subset name: letters, digits and hyphens");
                report.refuse(Mistake::BadName, Stages::Webhook, &path.key("name"), message);
            }
            Some(name) if !seen.insert(name) => {
                let message = format!("there are two subsets of the name `{name}`");
                report.refuse(Mistake::Duplicate, Stages::Webhook, &path.key("name"), message);
            }
            Some(_) => {}
        }
        for (key, value) in subset.get("labels").and_then(Value::as_object).into_iter().flatten() {
            if let Some(problem) = names::label_problem(key, value.as_str().unwrap_or_default()) {
                let path = path.key("labels").key(key);
                report.refuse(Mistake::BadName, Stages::Webhook, &path, format!("subset labels: {problem}"));
            }
        }
        traffic_policy(subset.get("trafficPolicy"), &path.key("trafficPolicy"), report);
    }
}

fn export_to(spec: &Value, namespace: &str, path: &Path, report: &mut Report) {
    let entries: Vec<&str> = items(spec.get("exportTo")).filter_map(|(_, entry)| entry.as_str()).collect();
    let mut seen = BTreeSet::new();
    for (position, &entry) in entries.iter().enumerate() {
        let path = path.index(position);
        let meant = if entry == "." { namespace } else { entry };
        if !seen.insert(meant) {
            let message = match entry {
                "." => format!("exportTo names `.` beside `{namespace}`, which is the same namespace"),
                _ if entries.contains(&".") && entry == namespace => {
                    format!("exportTo names `{entry}` beside `.`, which is the same namespace")
                }
                _ => format!("exportTo names `{entry}` twice"),
            };
            report.refuse(Mistake::Duplicate, Stages::Webhook, &path, message);
        } else if !matches!(entry, "." | "*") && !names::is_label(entry) {
            let message = format!("exportTo takes namespaces, `.` or `*`, and `{entry}` is none of them");
            report.refuse(Mistake::BadName, Stages::Webhook, &path, message);
        }
    }
    if entries.contains(&"*") && entries.len() > 1 {
        let message = "exportTo has `*` beside other entries, which already means everybody";
        report.refuse(Mistake::ConflictingFields, Stages::Webhook, path, message);
    }
    let alone = seen.is_empty() || (seen.len() == 1 && seen.contains(namespace));
    if has(spec, "workloadSelector") && !alone {
        let message = "a rule with a workload selector stays in its namespace: exportTo may only be `.`";
        report.refuse(Mistake::ConflictingFields, Stages::Webhook, path, message);
    }
}
