//! VirtualService beyond its shape.

use serde_json::Value;

use super::{Mistake, Path, Report, Stages, has, items, names, text};

pub(super) fn check(spec: &Value, report: &mut Report) {
    let path = Path::of(&["spec"]);
    if items(spec.get("hosts")).count() == 0 {
        let message = "a VirtualService must have at least one of hosts";
        report.refuse(Mistake::Required, Stages::Webhook, &path.key("hosts"), message);
    }
    for (position, host) in items(spec.get("hosts")) {
        let host = host.as_str().unwrap_or_default();
        let address = host.parse::<std::net::IpAddr>().is_ok();
        if let Some(problem) = names::host_problem(host).filter(|_| !address) {
            report.refuse(Mistake::BadHost, Stages::Webhook, &path.key("hosts").index(position), problem);
        }
    }
    if !["http", "tls", "tcp"].iter().any(|field| has(spec, field)) {
        let message = "a VirtualService must have http, tls or tcp routes";
        report.refuse(Mistake::EmptyObject, Stages::Webhook, &path, message);
    }
    for protocol in ["http", "tls", "tcp"] {
        for (position, route) in items(spec.get(protocol)) {
            destinations(route, &path.key(protocol).index(position).key("route"), report);
        }
    }
}

fn destinations(route: &Value, path: &Path, report: &mut Report) {
    for (position, entry) in items(route.get("route")) {
        let path = path.index(position).key("destination");
        match entry.get("destination").filter(|destination| destination.is_object()) {
            Some(destination) if text(destination, "host").is_some() => {}
            Some(_) => report.refuse(Mistake::Required, Stages::Both, &path.key("host"), "a destination needs a host"),
            None => report.refuse(Mistake::Required, Stages::Both, &path, "a route needs a destination"),
        }
    }
}
