//! Gateway beyond its shape.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::Value;

use super::{Mistake, Path, Report, Stages, has, items, names, text};

/// Protocols a gateway may listen for; those of the second list need `tls`.
const PROTOCOLS: [&str; 9] = ["HTTP", "HTTP2", "GRPC", "GRPC-WEB", "TCP", "MONGO", "MYSQL", "REDIS", "UDP"];
const TLS_PROTOCOLS: [&str; 2] = ["HTTPS", "TLS"];

pub(super) fn check(spec: &Value, report: &mut Report) {
    let path = Path::of(&["spec", "servers"]);
    if items(spec.get("servers")).count() == 0 {
        report.refuse(Mistake::Required, Stages::Webhook, &path, "a Gateway must have at least one of servers");
    }
    for (position, server) in items(spec.get("servers")) {
        check_server(server, &path.index(position), report);
    }
    port_names(spec, &path, report);
}

fn port_names(spec: &Value, path: &Path, report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (position, server) in items(spec.get("servers")) {
        let Some(name) = server.get("port").and_then(|port| text(port, "name")) else { continue };
        if !seen.insert(name) {
            let path = path.index(position).key("port").key("name");
            let message = format!("the port name `{name}` is another server's already: they must differ");
            report.refuse(Mistake::Duplicate, Stages::Webhook, &path, message);
        }
    }
}

fn check_server(server: &Value, path: &Path, report: &mut Report) {
    hosts(server, &path.key("hosts"), report);
    let port_path = path.key("port");
    let Some(port) = server.get("port").filter(|port| port.is_object()) else {
        return report.refuse(Mistake::Required, Stages::Both, &port_path, "a server must have a port");
    };
    if port.get("number").and_then(Value::as_u64).and_then(names::port).is_none() {
        report.refuse(Mistake::BadPort, Stages::Webhook, &port_path.key("number"), "port must be from 1 to 65535");
    }
    if text(port, "name").is_none() {
        report.refuse(Mistake::Required, Stages::Both, &port_path.key("name"), "a port must have a name");
    }
    let protocol = text(port, "protocol").unwrap_or_default().to_ascii_uppercase();
    let secure = TLS_PROTOCOLS.contains(&protocol.as_str());
    if !secure && !PROTOCOLS.contains(&protocol.as_str()) {
        let message = format!("`{protocol}` is not a protocol of a gateway");
        report.refuse(Mistake::BadEnum, Stages::Webhook, &port_path.key("protocol"), message);
    }
    tls(server, secure, &protocol, &path.key("tls"), report);
}

fn hosts(server: &Value, path: &Path, report: &mut Report) {
    if items(server.get("hosts")).count() == 0 {
        let stages = if has(server, "hosts") { Stages::Webhook } else { Stages::Both };
        report.refuse(Mistake::Required, stages, path, "a server must have at least one of hosts");
    }
    for (position, host) in items(server.get("hosts")) {
        if let Some(problem) = host_problem(host.as_str().unwrap_or_default()) {
            report.refuse(Mistake::BadHost, Stages::Webhook, &path.index(position), problem);
        }
    }
}

/// What is wrong with a host, which may have the namespace of its VirtualServices before it.
fn host_problem(host: &str) -> Option<String> {
    let (namespace, host) = host.split_once('/').map_or((None, host), |(namespace, host)| (Some(namespace), host));
    if let Some(namespace) = namespace.filter(|name| !matches!(*name, "*" | ".") && !names::is_label(name)) {
        return Some(format!("`{namespace}` before host `{host}` is not a namespace, `.` or `*`"));
    }
    if host.parse::<IpAddr>().is_ok() {
        return None;
    }
    if host != "*" && !host.contains('.') {
        return Some(format!("host `{host}` is a short name: a gateway needs full ones"));
    }
    names::host_problem(host)
}

fn tls(server: &Value, secure: bool, protocol: &str, path: &Path, report: &mut Report) {
    let Some(settings) = server.get("tls").filter(|settings| settings.is_object()) else {
        if secure {
            let message = format!("a server of protocol {protocol} must have tls settings");
            report.refuse(Mistake::Required, Stages::Webhook, path, message);
        }
        return;
    };
    let redirect = settings.get("httpsRedirect").and_then(Value::as_bool) == Some(true);
    if !secure && !redirect {
        let message = format!("tls settings are for HTTPS and TLS, not for {protocol}");
        report.refuse(Mistake::ConflictingFields, Stages::Webhook, path, message);
    }
    if secure && redirect {
        let message = "httpsRedirect is for plaintext HTTP: it must not stand on a server that speaks TLS";
        report.refuse(Mistake::ConflictingFields, Stages::Webhook, &path.key("httpsRedirect"), message);
    }
    if secure {
        certificates(settings, path, report);
    }
}

fn certificates(settings: &Value, path: &Path, report: &mut Report) {
    const FILES: [&str; 3] = ["serverCertificate", "privateKey", "caCertificates"];
    let mode = text(settings, "mode").unwrap_or("PASSTHROUGH");
    if mode == "ISTIO_MUTUAL" {
        for field in FILES.into_iter().chain(["credentialName"]).filter(|field| text(settings, field).is_some()) {
            let message = format!("ISTIO_MUTUAL uses the workload's certificate: `{field}` must not stand beside it");
            report.refuse(Mistake::ConflictingFields, Stages::Webhook, &path.key(field), message);
        }
        return;
    }
    if text(settings, "credentialName").is_some()
        || has(settings, "credentialNames")
        || has(settings, "tlsCertificates")
    {
        return;
    }
    let needed: &[&str] = match mode {
        "SIMPLE" => &FILES[..2],
        "MUTUAL" | "OPTIONAL_MUTUAL" => &FILES,
        _ => &[],
    };
    for field in needed.iter().filter(|field| text(settings, field).is_none()) {
        let message = format!("{mode} needs a certificate: give a credentialName, or `{field}`");
        report.refuse(Mistake::MissingCertificate, Stages::Webhook, &path.key(field), message);
    }
}
