//! VirtualService beyond its shape.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Mistake, Path, Report, Stages, has, items, names, text};

pub(super) fn check(spec: &Value, report: &mut Report) {
    let path = Path::of(&["spec"]);
    let delegate = items(spec.get("hosts")).count() == 0;
    if delegate && ["gateways", "tcp", "tls"].iter().any(|field| has(spec, field)) {
        let message =
            "a VirtualService must have at least one of hosts (only a delegate has none, and http routes alone)";
        report.refuse(Mistake::Required, Stages::Webhook, &path.key("hosts"), message);
    }
    hosts(spec, &path.key("hosts"), report);
    if !["http", "tls", "tcp"].iter().any(|field| has(spec, field)) {
        let message = "a VirtualService must have http, tls or tcp routes";
        report.refuse(Mistake::EmptyObject, Stages::Webhook, &path, message);
    }
    for protocol in ["http", "tls", "tcp"] {
        for (position, route) in items(spec.get(protocol)) {
            let path = path.key(protocol).index(position);
            destinations(route, &path.key("route"), report);
            match protocol {
                "http" => {
                    if !delegate {
                        answer(route, &path, report);
                    }
                    durations(route, &path, report);
                    expressions(route, &path.key("match"), report);
                }
                "tls" => server_names(route, &path.key("match"), report),
                _ => {}
            }
        }
    }
}

fn hosts(spec: &Value, path: &Path, report: &mut Report) {
    // Without gateways, and where `mesh` is among them, sidecars take the routes.
    let mut gateways = items(spec.get("gateways")).peekable();
    let sidecars = gateways.peek().is_none() || gateways.any(|(_, gateway)| gateway == "mesh");
    let mut seen = BTreeSet::new();
    for (position, host) in items(spec.get("hosts")) {
        let (host, path) = (host.as_str().unwrap_or_default(), path.index(position));
        let address = host.parse::<std::net::IpAddr>().is_ok();
        if let Some(problem) = names::host_problem(host).filter(|_| !address) {
            report.refuse(Mistake::BadHost, Stages::Webhook, &path, problem);
        }
        if host == "*" && sidecars {
            let message = "host `*` is for gateways only: in sidecars it would take every call";
            report.refuse(Mistake::BadHost, Stages::Webhook, &path, message);
        }
        if !seen.insert(host) {
            report.refuse(Mistake::Duplicate, Stages::Webhook, &path, format!("host `{host}` stands there twice"));
        }
    }
}

/// An HTTP route must do something.
fn answer(route: &Value, path: &Path, report: &mut Report) {
    let does = |field: &&str| has(route, field) && route[*field] != Value::Array(Vec::new());
    if !["delegate", "directResponse", "redirect", "route"].iter().any(does) {
        let message = "an http route must have route, redirect, directResponse or delegate";
        report.refuse(Mistake::Required, Stages::Webhook, path, message);
    }
}

/// Durations are written as `5s` or `300ms`.
fn durations(route: &Value, path: &Path, report: &mut Report) {
    let retries = route.get("retries").unwrap_or(&Value::Null);
    let given = [
        (text(route, "timeout"), path.key("timeout")),
        (text(retries, "perTryTimeout"), path.key("retries").key("perTryTimeout")),
    ];
    for (written, path) in given {
        let Some(written) = written else { continue };
        if written.parse::<jiff::SignedDuration>().is_err() {
            let message = format!("`{written}` is not a duration: write it as `5s` or `300ms`");
            report.refuse(Mistake::BadType, Stages::Webhook, &path, message);
        }
    }
}

/// Regular expressions must be some.
fn expressions(route: &Value, path: &Path, report: &mut Report) {
    for (position, wanted) in items(route.get("match")) {
        let path = path.index(position);
        for field in ["uri", "scheme", "method", "authority"] {
            expression(wanted.get(field), &path.key(field), report);
        }
        for field in ["headers", "withoutHeaders", "queryParams"] {
            for (name, value) in wanted.get(field).and_then(Value::as_object).into_iter().flatten() {
                expression(Some(value), &path.key(field).key(name), report);
            }
        }
    }
}

fn expression(wanted: Option<&Value>, path: &Path, report: &mut Report) {
    let Some(written) = wanted.and_then(|wanted| text(wanted, "regex")) else { return };
    if regex::Regex::new(written).is_err() {
        let message = format!("`{written}` is not a regular expression");
        report.refuse(Mistake::BadType, Stages::Webhook, &path.key("regex"), message);
    }
}

/// A TLS route is chosen by the server name.
fn server_names(route: &Value, path: &Path, report: &mut Report) {
    if items(route.get("match")).count() == 0 {
        report.refuse(Mistake::Required, Stages::Webhook, path, "a tls route must have a match with sniHosts");
    }
    for (position, entry) in items(route.get("match")) {
        if items(entry.get("sniHosts")).count() == 0 {
            let path = path.index(position).key("sniHosts");
            report.refuse(Mistake::Required, Stages::Both, &path, "a match of a tls route must have sniHosts");
        }
    }
}

fn destinations(route: &Value, path: &Path, report: &mut Report) {
    for (position, entry) in items(route.get("route")) {
        let path = path.index(position);
        if entry.get("weight").and_then(Value::as_i64).is_some_and(|weight| weight < 0) {
            let message = "a weight must not be negative";
            report.refuse(Mistake::BadType, Stages::Webhook, &path.key("weight"), message);
        }
        let path = path.key("destination");
        match entry.get("destination").filter(|destination| destination.is_object()) {
            Some(destination) if text(destination, "host").is_some() => {}
            Some(_) => report.refuse(Mistake::Required, Stages::Both, &path.key("host"), "a destination needs a host"),
            None => report.refuse(Mistake::Required, Stages::Both, &path, "a route needs a destination"),
        }
    }
}
