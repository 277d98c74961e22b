//! Policy and MeshPolicy of the old API beyond their shape.

use serde_json::Value;

use super::{Mistake, Path, Report, Stages, items, names};

/// The name that policies for all must have.
const DEFAULT: &str = "default";

pub(super) fn check_policy(object: &Value, spec: &Value, report: &mut Report) {
    let path = Path::of(&["spec", "targets"]);
    let named_default = name(object) == Some(DEFAULT);
    let targets = items(spec.get("targets")).count();
    if targets == 0 && !named_default {
        let found = name(object).unwrap_or_default();
        let message =
            format!("a Policy without targets is for the whole namespace and must be named `default`, not `{found}`");
        report.refuse(Mistake::BadName, Stages::Webhook, &Path::of(&["metadata", "name"]), message);
    }
    if targets > 0 && named_default {
        // Either the name or the targets are not meant: both places are shown.
        let message = "the Policy named `default` is for the whole namespace and must not have targets";
        report.refuse(Mistake::ConflictingFields, Stages::Webhook, &path, message);
        let message = "`default` is the name of the Policy for the whole namespace: one with targets needs another";
        report.refuse(Mistake::BadName, Stages::Webhook, &Path::of(&["metadata", "name"]), message);
    }
    for (position, target) in items(spec.get("targets")) {
        check_target(target, &path.index(position), report);
    }
}

pub(super) fn check_mesh_policy(object: &Value, spec: &Value, report: &mut Report) {
    if let Some(found) = name(object).filter(|name| *name != DEFAULT) {
        let message = format!("there is one MeshPolicy, and it must be named `default`, not `{found}`");
        report.refuse(Mistake::BadName, Stages::Webhook, &Path::of(&["metadata", "name"]), message);
    }
    if items(spec.get("targets")).count() > 0 {
        let message = "a MeshPolicy is for all: it must not have targets";
        report.refuse(Mistake::ConflictingFields, Stages::Webhook, &Path::of(&["spec", "targets"]), message);
    }
}

fn check_target(target: &Value, path: &Path, report: &mut Report) {
    match target.get("name").and_then(Value::as_str).unwrap_or_default() {
        "" => report.refuse(Mistake::Required, Stages::Webhook, &path.key("name"), "a target must have a name"),
        name if !names::is_object_name(name) => {
            let message = format!("target `{name}` must be the short name of a Service of the same namespace");
            report.refuse(Mistake::BadName, Stages::Webhook, &path.key("name"), message);
        }
        _ => {}
    }
    for (position, port) in items(target.get("ports")) {
        let path = path.key("ports").index(position);
        match (port.get("number"), port.get("name").and_then(Value::as_str)) {
            (Some(Value::Number(number)), _) if number.as_u64().and_then(names::port).is_none() => {
                let message = format!("{number} is not a port of a target: Service ports are 1 to 65535");
                report.refuse(Mistake::BadPort, Stages::Webhook, &path.key("number"), message);
            }
            (None | Some(Value::Null), Some(name)) if !name.is_empty() && !names::is_label(name) => {
                let message = format!("target port `{name}` is not the name of a port: names are DNS labels");
                report.refuse(Mistake::BadName, Stages::Webhook, &path.key("name"), message);
            }
            (None | Some(Value::Null), None | Some("")) => {
                let message = "a target port must have a number or a name";
                report.refuse(Mistake::BadPort, Stages::Webhook, &path, message);
            }
            _ => {}
        }
    }
}

fn name(object: &Value) -> Option<&str> {
    object.pointer("/metadata/name").and_then(Value::as_str)
}
