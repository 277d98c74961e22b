//! What the server serves: groups, versions, resources; its version and its health.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    Server,
    body::{self, Body},
    openapi,
    rbac::Action,
    resource::{Resource, Resources, Version},
    status::Status,
};
use crate::embedded::auth::User;

/// The release of Kubernetes whose behaviour this server follows.
const RELEASE: (&str, &str) = ("1", "34");
/// How kube and kubectl ask for everything at once.
const AGGREGATED: &str = "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// The verbs of custom resources, as they are listed.
const CUSTOM_VERBS: &[&str] = &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

impl Server {
    /// Answers a path that is no resource.
    pub(super) fn other(
        &self,
        user: &User,
        method: &Method,
        headers: &HeaderMap,
        segments: &[String],
    ) -> Result<Response<Body>, Status> {
        let path = format!("/{}", segments.join("/"));
        self.authorize(user, Action::Path { verb: &method.as_str().to_lowercase(), path: &path })?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let resources = self.registry().all();
        let aggregated = wants_aggregated(headers);
        let answer = match segments.as_slice() {
            [] => json!({"paths": paths(&resources)}),
            ["api" | "apis"] if aggregated => return Ok(aggregated_answer(&resources, segments[0] == "api")),
            ["api"] => json!({
                "kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "10.96.0.1:443"}],
            }),
            ["api", version] => resource_list(&resources, "", version)?,
            ["apis"] => {
                let groups: Vec<Value> =
                    groups(&resources).iter().map(|(name, versions)| group(name, versions)).collect();
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
            }
            ["apis", name] => {
                let groups = groups(&resources);
                let Some((name, versions)) = groups.get_key_value(*name) else { return Ok(body::page_not_found()) };
                let mut group = group(name, versions);
                group["kind"] = "APIGroup".into();
                group["apiVersion"] = "v1".into();
                group
            }
            ["apis", name, _] if !groups(&resources).contains_key(name) => return Ok(body::page_not_found()),
            ["apis", name, version] => resource_list(&resources, name, version)?,
            ["openapi", "v2"] => return Err(Status::no_openapi_v2()),
            ["openapi", "v3"] => openapi::index(&group_versions(&resources)),
            ["openapi", "v3", "api", version] => openapi_document(&resources, "", version)?,
            ["openapi", "v3", "apis", name, version] => openapi_document(&resources, name, version)?,
            ["version"] => version(),
            ["healthz" | "livez" | "readyz"] | ["healthz" | "livez" | "readyz", "etcd" | "log" | "ping"] => {
                return Ok(body::text(StatusCode::OK, "ok"));
            }
            _ => return Ok(body::json(StatusCode::NOT_FOUND, &json!({"paths": paths(&resources)}))),
        };
        if matches!(*method, Method::GET | Method::HEAD) {
            Ok(body::json(StatusCode::OK, &answer))
        } else {
            Err(Status::method_not_allowed())
        }
    }
}

fn version() -> Value {
    let (major, minor) = RELEASE;
    json!({
        "major": major, "minor": minor,
        "gitVersion": format!("v{major}.{minor}.0+labctl-{}", env!("CARGO_PKG_VERSION")),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none", "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

/// Groups besides the core one, with their versions, the preferred one first.
fn groups(resources: &Resources) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for resource in resources.values().filter(|resource| !resource.group.is_empty()) {
        let versions = groups.entry(&resource.group).or_default();
        for version in &resource.versions {
            if !versions.contains(&version.name.as_str()) {
                versions.push(&version.name);
            }
        }
    }
    groups.retain(|_, versions| !versions.is_empty());
    for versions in groups.values_mut() {
        versions.sort_by_cached_key(|name| std::cmp::Reverse(super::custom::priority(name)));
    }
    groups
}

fn group(name: &str, versions: &[&str]) -> Value {
    let version = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let versions: Vec<Value> = versions.iter().map(version).collect();
    json!({"name": name, "versions": versions, "preferredVersion": versions[0]})
}

fn paths(resources: &Resources) -> BTreeSet<String> {
    let mut paths: BTreeSet<String> =
        ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]
            .map(str::to_owned)
            .into();
    for (group, versions) in groups(resources) {
        paths.insert(format!("/apis/{group}"));
        paths.extend(versions.iter().map(|version| format!("/apis/{group}/{version}")));
    }
    paths
}

/// The resources of a group that are served in a version.
fn served<'a>(
    resources: &'a Resources,
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = (&'a Resource, &'a Version)> {
    let of_group = resources.values().filter(move |resource| resource.group == group);
    of_group.filter_map(move |resource| Some((resource.as_ref(), resource.version(version)?)))
}

/// All groups with each of their versions.
fn group_versions(resources: &Resources) -> Vec<(String, String)> {
    let core = [(String::new(), "v1".to_owned())].into_iter();
    let named = groups(resources)
        .into_iter()
        .flat_map(|(group, versions)| versions.into_iter().map(move |version| (group.to_owned(), version.to_owned())));
    core.chain(named).collect()
}

fn openapi_document(resources: &Resources, group: &str, version: &str) -> Result<Value, Status> {
    let served: Vec<&Resource> = served(resources, group, version).map(|(resource, _)| resource).collect();
    if served.is_empty() { Err(Status::no_such_resource()) } else { Ok(openapi::document(&served, version)) }
}

fn resource_list(resources: &Resources, group: &str, version: &str) -> Result<Value, Status> {
    let mut list = Vec::new();
    for (resource, served) in served(resources, group, version) {
        list.push(described(resource));
        list.extend(served.subresources.iter().map(|name| described_subresource(resource, name)));
    }
    if list.is_empty() {
        return Err(Status::no_such_resource());
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let mut document = json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": list});
    // The document of the core group has never said which version it is in itself.
    if !group.is_empty() {
        document["apiVersion"] = "v1".into();
    }
    Ok(document)
}

fn described(resource: &Resource) -> Value {
    let mut verbs: Vec<&str> = resource.verbs.iter().map(|verb| verb.as_str()).collect();
    if resource.is_custom() {
        // Kubernetes has an order of its own for them.
        verbs.sort_by_key(|verb| CUSTOM_VERBS.iter().position(|known| known == verb));
    }
    let mut entry = json!({
        "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": verbs,
    });
    for (field, names) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !names.is_empty() {
            entry[field] = json!(names);
        }
    }
    entry
}

/// What a subresource is an object of (nothing: the resource's own kind), and what can be done with it.
fn subresource_kind(name: &str) -> (Option<[&'static str; 3]>, &'static [&'static str]) {
    match name {
        "binding" => (Some(["", "v1", "Binding"]), &["create"]),
        "eviction" => (Some(["policy", "v1", "Eviction"]), &["create"]),
        "exec" => (Some(["", "v1", "PodExecOptions"]), &["create", "get"]),
        "finalize" => (None, &["update"]),
        "log" => (None, &["get"]),
        "scale" => (Some(["autoscaling", "v1", "Scale"]), &["get", "patch", "update"]),
        "token" => (Some(["authentication.k8s.io", "v1", "TokenRequest"]), &["create"]),
        _ => (None, &["get", "patch", "update"]),
    }
}

fn described_subresource(resource: &Resource, name: &str) -> Value {
    let (kind, verbs) = subresource_kind(name);
    let mut entry = json!({
        "name": format!("{}/{name}", resource.plural), "singularName": "", "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": verbs,
    });
    if let Some([group, version, kind]) = kind {
        entry["kind"] = kind.into();
        entry["version"] = version.into();
        if !group.is_empty() {
            entry["group"] = group.into();
        }
    }
    entry
}

fn wants_aggregated(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|item| item.trim().trim_start_matches("application/json;") == AGGREGATED)
}

fn aggregated_answer(resources: &Resources, core: bool) -> Response<Body> {
    let groups = if core { BTreeMap::from([("", vec!["v1"])]) } else { groups(resources) };
    let items: Vec<Value> = groups
        .iter()
        .map(|(group, versions)| {
            let versions: Vec<Value> =
                versions.iter().map(|version| aggregated_version(resources, group, version)).collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    });
    let mut response = body::json(StatusCode::OK, &list);
    let media_type =
        header::HeaderValue::from_static("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

fn aggregated_version(resources: &Resources, group: &str, version: &str) -> Value {
    let kind_of = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let list: Vec<Value> = served(resources, group, version)
        .map(|(resource, served)| {
            let own = kind_of(group, version, &resource.kind);
            let subresources: Vec<Value> = served
                .subresources
                .iter()
                .map(|name| {
                    let (kind, verbs) = subresource_kind(name);
                    let kind = kind.map_or_else(|| own.clone(), |[group, version, kind]| kind_of(group, version, kind));
                    json!({"subresource": name, "responseKind": kind, "verbs": verbs})
                })
                .collect();
            let mut entry = described(resource);
            json!({
                "resource": resource.plural,
                "responseKind": own,
                "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
                "singularResource": resource.singular,
                "verbs": entry["verbs"].take(),
                "shortNames": resource.short_names,
                "categories": resource.categories,
                "subresources": subresources,
            })
        })
        .collect();
    json!({"version": version, "resources": list, "freshness": "Current"})
}
