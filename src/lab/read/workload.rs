//! Reads who takes part in probes.

use std::collections::BTreeMap;

use crate::lab::{
    fields::{Fields, mapping},
    model::{Endpoint, Workload, WorkloadName},
    position::Located,
    problem::Collector,
    yaml::Node,
};

/// Reads `workloads`; the ones that are wrong are noted and left out.
pub(in crate::lab) fn workloads(problems: &Collector, node: &Node) -> BTreeMap<WorkloadName, Workload> {
    let entries = mapping(problems, "workloads", node).unwrap_or_default();
    let read = entries.iter().filter_map(|(name, node)| workload(problems, name, node));
    read.map(|workload| (workload.name.value.clone(), workload)).collect()
}

fn workload(problems: &Collector, name: &Located<String>, node: &Node) -> Option<Workload> {
    let mut fields = Fields::open(problems, "a workload", node)?.under(name.at);
    let namespace = fields.text("namespace", "where its pods are");
    let selector = fields.required("selector", "{app: ...}, the labels of its pods");
    let labels = fields.texts_by_name("selector");
    let container = fields.text("container", "the application's container");
    let host = fields.optional_text("host");
    let port = fields.number("port", 1..=65_535, 80);
    let port_is_set = fields.optional("port").is_some();
    fields.finish();
    if let (Some(node), Some(true)) = (selector, labels.as_ref().map(BTreeMap::is_empty)) {
        problems.invalid(node.at, "`selector` has no labels, so it would select every pod", None);
        return None;
    }
    selector?;
    if host == Some(None) && port_is_set {
        let hint = Some("add `host`, the name under which others reach it".to_owned());
        problems.invalid(name.at, format!("`{}` has a `port`, but no `host`", name.value), hint);
    }
    let port = u16::try_from(port?.value).ok()?;
    let service = host?.map(|host| Endpoint { host: host.value, port });
    let (namespace, container) =
        (namespace.filter(|name| super::check_label(problems, "a namespace", name))?, container?);
    let name = name.clone().map(WorkloadName);
    Some(Workload { name, namespace: namespace.value, selector: labels?, container: container.value, service })
}
