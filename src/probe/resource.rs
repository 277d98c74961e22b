//! The `resource` check: objects of Kubernetes are there, have these fields, or are not there.

use kube::{
    api::ListParams,
    core::{DynamicObject, ResourceExt},
};

use super::{
    assertion,
    result::{CheckResult, Line},
};
use crate::{
    cluster::{Cluster, ClusterError, ObjectRef},
    lab::check::{Count, Ready, Resource, Which},
};

/// Looks at the objects as they are now.
pub async fn check(cluster: &Cluster, check: &Resource) -> CheckResult {
    let subject = subject(check);
    let lines = match find(cluster, check).await {
        Err(error) => vec![Line::broken(subject, count(check.count), error.to_string())],
        Ok(objects) => lines(subject, check, &objects),
    };
    CheckResult::of_lines("resource", &check.title, lines)
}

async fn find(cluster: &Cluster, check: &Resource) -> Result<Vec<DynamicObject>, ClusterError> {
    let kind = match cluster.kind(&check.api_version, &check.kind).await {
        // Where the kind is not known, there are no objects of it.
        Err(ClusterError::UnknownKind { .. }) if check.count == Count::Exactly(0) => return Ok(Vec::new()),
        other => other?,
    };
    let parameters = match &check.which {
        Which::Named(name) => {
            let object = ObjectRef {
                api_version: check.api_version.clone(),
                kind: check.kind.clone(),
                namespace: check.namespace.clone(),
                name: name.clone(),
            };
            return Ok(cluster.find(&object).await?.into_iter().collect());
        }
        Which::All => ListParams::default(),
        Which::Selected(labels) => {
            let terms: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            ListParams::default().labels(&terms.join(","))
        }
    };
    let listed = kind.api(cluster.client(), check.namespace.as_deref()).list(&parameters).await;
    let listed = listed.map_err(ClusterError::request(format!("list {}", check.kind)))?.items;
    // What is being deleted is on its way out, as `kubectl get` shows it: Terminating.
    Ok(listed.into_iter().filter(|object| object.metadata.deletion_timestamp.is_none()).collect())
}

fn lines(subject: String, check: &Resource, objects: &[DynamicObject]) -> Vec<Line> {
    let enough = match check.count {
        Count::Any => !objects.is_empty(),
        Count::Exactly(wanted) => objects.len() == wanted,
    };
    let mut lines = vec![Line::new(subject, count(check.count), there(objects), enough)];
    for object in objects {
        let name = object.name_any();
        let subject = format!("{} {name}", check.kind);
        let document = serde_json::to_value(object).unwrap_or_default();
        lines.extend(check.ready.map(|wanted| ready(&name, &document, wanted)));
        lines.extend(check.fields.iter().map(|field| assertion::of_document(&subject, &document, field)));
    }
    lines
}

/// The READY column of `kubectl get pod`: sidecars that are init containers count, other init containers do not.
fn ready(name: &str, pod: &serde_json::Value, wanted: Ready) -> Line {
    let list = |pointer: &str| pod.pointer(pointer).and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let sidecars: Vec<String> = list("/spec/initContainers")
        .iter()
        .filter(|container| container["restartPolicy"] == "Always")
        .filter_map(|container| container["name"].as_str().map(str::to_owned))
        .collect();
    let is_sidecar =
        |status: &serde_json::Value| status["name"].as_str().is_some_and(|name| sidecars.iter().any(|it| it == name));
    let first = list("/status/initContainerStatuses").into_iter().filter(is_sidecar);
    let counted: Vec<_> = first.chain(list("/status/containerStatuses")).collect();
    let seen = Ready {
        ready: counted.iter().filter(|status| status["ready"] == true).count(),
        all: list("/spec/containers").len() + sidecars.len(),
    };
    let same = (seen.ready, seen.all) == (wanted.ready, wanted.all);
    Line::new(format!("READY of Pod {name}"), wanted.to_string(), seen.to_string(), same)
}

fn subject(check: &Resource) -> String {
    let place = check.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    match &check.which {
        Which::All => format!("{}{place}", check.kind),
        Which::Named(name) => format!("{} {name}{place}", check.kind),
        Which::Selected(labels) => {
            let terms: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{} {}{place}", check.kind, terms.join(","))
        }
    }
}

fn count(count: Count) -> String {
    match count {
        Count::Any => "at least one".to_owned(),
        Count::Exactly(0) => "none".to_owned(),
        Count::Exactly(count) => count.to_string(),
    }
}

fn there(objects: &[DynamicObject]) -> String {
    match objects {
        [] => "none".to_owned(),
        several => several.iter().map(ResourceExt::name_any).collect::<Vec<_>>().join(", "),
    }
}
