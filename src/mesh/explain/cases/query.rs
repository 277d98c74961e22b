//! The questions of a case: what they ask, and the answers of [`crate::mesh::policy`] and [`crate::mesh::validate`].

use serde_json::{Map, Value, json};

use super::{
    expectation::Answer,
    world::{World, number, scalar, texts},
};
use crate::mesh::{
    identity::SpiffeId,
    policy::{Certificate, Prediction, ProbeResult, Reached, Request, Scheme, Target, Verdict, WorkloadId},
    resources::{ClientTlsMode, Kind, Metadata},
    snapshot::Authority,
    validate::{self, Report},
};

/// Answers one question.
pub(super) fn answer(world: &World, query: &Value) -> Result<Answer, String> {
    match text(query, "kind")? {
        "client_tls" => client_tls(world, query),
        "probe" => probe(world, query),
        "reach" => reach(world, query),
        "server_mode" => server_mode(world, query),
        "tls_check" => tls_check(world, query),
        "validate" => validate(world, query),
        other => Err(format!("a question of unknown kind `{other}`")),
    }
}

/// The question in one line, without the answer.
pub(super) fn describe(query: &Value) -> String {
    let fields = query.as_object().into_iter().flatten();
    let asked = fields.filter(|(name, _)| !matches!(name.as_str(), "expect" | "flags" | "kind" | "xfcc"));
    let asked = asked.map(|(name, value)| format!(" {name}={}", scalar(value).unwrap_or_else(|| value.to_string())));
    format!("{}{}", query.get("kind").and_then(Value::as_str).unwrap_or("?"), asked.collect::<String>())
}

/// The answer that a question should get, in one line.
pub(super) fn expected(query: &Value) -> String {
    let expect = query.get("expect").map_or_else(|| "nothing".to_owned(), plain);
    match query.get("xfcc") {
        Some(forwarded) => format!("{expect} xfcc={}", plain(forwarded)),
        None => expect,
    }
}

/// A value in one line, texts without quotes.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn server_mode(world: &World, query: &Value) -> Result<Answer, String> {
    let mode = world.index.server_mode(world.workload(text(query, "workload")?)?, port(query)?);
    Ok(Answer::Words(vec![mode.map_or_else(|| "none".to_owned(), |decision| decision.value.to_string())]))
}

fn client_tls(world: &World, query: &Value) -> Result<Answer, String> {
    let client = world.workload(text(query, "from")?)?;
    let Some(target) = target(world, client, query)? else {
        // What no Service is called is passed through as it came.
        return Ok(Answer::Fields(fields(json!({"mode": "DISABLE", "auto": false, "rule": null, "san": []}))));
    };
    let mut endpoints = world.index.target_endpoints(world.index.workload(client), target);
    if let Some(wanted) = to_workload(world, query)? {
        endpoints.retain(|endpoint| endpoint.workload == wanted);
    }
    let setting = world.index.client_setting(client, target, endpoints.first().copied());
    let tls = setting.tls.as_ref().filter(|_| setting.mode != ClientTlsMode::Disable);
    Ok(Answer::Fields(fields(json!({
        "mode": setting.mode.to_string(),
        "sni": setting.sni,
        "san": setting.sans,
        "auto": setting.auto,
        "rule": setting.rule.as_ref().map(Metadata::path),
        "client_certificate": tls.and_then(|tls| tls.client_certificate.clone()),
        "private_key": tls.and_then(|tls| tls.private_key.clone()),
        "ca_certificates": tls.and_then(|tls| tls.ca_certificates.clone()),
        "credential_name": tls.and_then(|tls| tls.credential_name.clone()),
        "insecure_skip_verify": tls.and_then(|tls| tls.insecure_skip_verify).unwrap_or_default(),
    }))))
}

fn reach(world: &World, query: &Value) -> Result<Answer, String> {
    let from = world.workload(text(query, "from")?)?;
    let optional = |field| query.get(field).and_then(Value::as_str);
    let to = match (optional("to_pod"), optional("to").or(optional("to_host"))) {
        (Some(pod), _) => Reached::Pod { workload: world.workload(pod)?, port: port(query)? },
        (None, Some(name)) => Reached::Host { name, port: port(query)? },
        (None, None) => return Err("the question says neither `to` nor `to_pod`".to_owned()),
    };
    let request = Request {
        subset: optional("subset"),
        endpoint: to_workload(world, query)?,
        scheme: optional("scheme").map(scheme).transpose()?,
        certificate: query.get("client_cert").and_then(|value| certificate(world, from, value)),
        alpn: query.get("alpn").map(texts).unwrap_or_default(),
        authority: optional("sni").or(optional("host")).or(optional("authority")),
        ..Request::new(from, to)
    };
    Ok(Answer::Reached(world.index.reach(&request).iter().map(reached).collect()))
}

/// A prediction in the words of the cases.
fn reached(prediction: &Prediction) -> (String, Value) {
    let word = match &prediction.verdict {
        Verdict::Http(status) => format!("http_{status}"),
        Verdict::Mtls(_) => "ok_mtls".to_owned(),
        Verdict::Plaintext => "ok_plaintext".to_owned(),
        Verdict::TlsAlert(_) => "tls_alert".to_owned(),
        Verdict::TlsError => "tls_error".to_owned(),
        Verdict::TlsOnly => "ok_tls".to_owned(),
        // The proxy of the client answers for a Service without pods; a client without proxy is refused.
        Verdict::NoEndpoint if prediction.flags == "UH" => "http_503".to_owned(),
        Verdict::NoEndpoint => "refused".to_owned(),
        Verdict::Dns | Verdict::Refused | Verdict::Reset => prediction.verdict.to_string(),
    };
    let forwarded = prediction.forwarded.as_ref();
    (word, forwarded.map_or(Value::Null, |forwarded| json!({"by": forwarded.by, "uri": forwarded.uri})))
}

fn validate(world: &World, query: &Value) -> Result<Answer, String> {
    let wanted = text(query, "resource")?;
    let named = |object: &&Value| {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (kind, namespace, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        wanted == format!("{kind}/{namespace}/{name}") || (namespace.is_empty() && wanted == format!("{kind}/{name}"))
    };
    let object = world.objects.iter().find(named).ok_or_else(|| format!("no resource `{wanted}` in this case"))?;
    let text = |field| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let kind = Kind::of(text("apiVersion"), text("kind")).ok_or_else(|| format!("`{wanted}` is no mesh resource"))?;
    let report: Report = validate::validate(kind, object);
    Ok(Answer::Validated(report))
}

fn tls_check(world: &World, query: &Value) -> Result<Answer, String> {
    let client = world.workload(text(query, "from")?)?;
    let missing = || "there is no such Service port".to_owned();
    let target = target(world, client, query)?.ok_or_else(missing)?;
    let row = world.index.tls_check(client, target).ok_or_else(missing)?;
    let path = |metadata: Option<Metadata>| metadata.map_or_else(|| "-".to_owned(), |metadata| metadata.path());
    Ok(Answer::Fields(fields(json!({
        "status": row.status.to_string(),
        "server": row.server.to_string(),
        "client": row.client.map_or_else(|| "-".to_owned(), |mode| mode.to_string()),
        "policy": path(row.policy),
        "rule": path(row.rule),
    }))))
}

fn probe(world: &World, query: &Value) -> Result<Answer, String> {
    let named = query.get("workload").or_else(|| query.get("to_pod")).or_else(|| query.get("to"));
    let named = named.and_then(Value::as_str).ok_or("the question does not say `workload`")?;
    let workload = world.workload(named)?;
    let switches = ["rewrite", "rewritten", "rewrite_probes", "rewrite_app_http_probers", "rewriteAppHTTPProbers"];
    let switch = switches.iter().find_map(|name| query.get(*name)?.as_bool());
    let rewritten = switch.unwrap_or(world.index.workload(workload).rewrite_probes);
    let result = world.index.kubelet_probe(workload, port(query)?, rewritten);
    Ok(Answer::Probed(result.value == ProbeResult::Answered))
}

fn target<'a>(world: &World, client: WorkloadId, query: &'a Value) -> Result<Option<Target<'a>>, String> {
    let Some(host) = ["to_host", "to", "host"].iter().find_map(|field| query.get(*field)?.as_str()) else {
        return Ok(None);
    };
    // `host|subset` is how the old tool named a subset.
    let (host, marked) = host.split_once('|').map_or((host, None), |(host, subset)| (host, Some(subset)));
    let subset = query.get("subset").and_then(Value::as_str).or(marked);
    let service = world.index.find_service(&world.index.workload(client).namespace, host);
    let port = port(query)?;
    Ok(service.map(|service| Target { service, port, subset }))
}

fn to_workload(world: &World, query: &Value) -> Result<Option<WorkloadId>, String> {
    query.get("to_workload").and_then(Value::as_str).map(|name| world.workload(name)).transpose()
}

fn scheme(text: &str) -> Result<Scheme, String> {
    match text {
        "http" | "http2" | "grpc" => Ok(Scheme::Http),
        "https" => Ok(Scheme::Https),
        "tcp" => Ok(Scheme::Tcp),
        "tls" => Ok(Scheme::Tls),
        other => Err(format!("`{other}` is not a scheme")),
    }
}

/// Reads `client_cert`: who issued it (`mesh`, ...), an identity, or an object that says both.
fn certificate(world: &World, client: WorkloadId, value: &Value) -> Option<Certificate> {
    let data = world.index.workload(client);
    let own = world.index.settings().identity(&data.namespace, &data.service_account);
    let issued = |authority, uri: String| Some(Certificate { authority, uri });
    match value {
        Value::String(text) if text.starts_with("spiffe://") => issued(Authority::Mesh, text.clone()),
        Value::String(text) => match text.as_str() {
            "none" | "" => None,
            "mesh" | "istio" | "workload" => issued(Authority::Mesh, own.to_string()),
            text if text.contains("trust") || text.contains("domain") => {
                issued(Authority::Mesh, SpiffeId { trust_domain: "foreign".to_owned(), ..own }.to_string())
            }
            _ => issued(Authority::Other, String::new()),
        },
        Value::Bool(true) => issued(Authority::Mesh, own.to_string()),
        Value::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            let foreign_domain =
                text("trust_domain").map(|domain| SpiffeId { trust_domain: domain.to_owned(), ..own.clone() });
            let named = ["uri", "san", "spiffe", "spiffe_id", "id", "identity"].iter().find_map(|name| text(name));
            let uri = named.map(str::to_owned).or_else(|| foreign_domain.map(|id| id.to_string()));
            let authority = match text("ca").or(text("issuer")) {
                None | Some("mesh" | "istio") => Authority::Mesh,
                Some(_) => Authority::Other,
            };
            issued(authority, uri.unwrap_or_else(|| own.to_string()))
        }
        _ => None,
    }
}

fn port(query: &Value) -> Result<u16, String> {
    query.get("port").and_then(number).ok_or_else(|| "the question has no port".to_owned())
}

fn text<'a>(query: &'a Value, field: &str) -> Result<&'a str, String> {
    query.get(field).and_then(Value::as_str).ok_or_else(|| format!("the question does not say `{field}`"))
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
