//! The volumes of a pod.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{FieldError, duplicate, forbidden, invalid, is_unset, items, required};
use crate::embedded::objects::names;

/// Sources in the order in which Kubernetes looks at them.
const SOURCES: [&str; 7] =
    ["emptyDir", "hostPath", "secret", "persistentVolumeClaim", "configMap", "downwardAPI", "projected"];

/// Complains about volumes; answers their names.
pub(super) fn check<'a>(spec: &'a Value, path: &str, causes: &mut Vec<FieldError>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    for (index, volume) in items(&spec["volumes"]).iter().enumerate() {
        let path = format!("{path}.volumes[{index}]");
        check_source(volume, &path, causes);
        let field = format!("{path}.name");
        match volume["name"].as_str().filter(|name| !name.is_empty()) {
            None => causes.push(required(field, "")),
            Some(name) => {
                causes.extend(names::dns_label(name).map(|detail| invalid(field.clone(), &volume["name"], &detail)));
                if !seen.insert(name) {
                    causes.push(duplicate(field, &volume["name"]));
                }
            }
        }
    }
    seen
}

fn check_source(volume: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let given: Vec<&str> = SOURCES.into_iter().filter(|&known| volume[known].is_object()).collect();
    let Some((first, more)) = given.split_first() else { return };
    let (source, field) = (&volume[*first], format!("{path}.{first}"));
    let name = match *first {
        "configMap" => "name",
        "hostPath" => "path",
        "secret" => "secretName",
        _ => "",
    };
    if !name.is_empty() && is_unset(&source[name]) {
        causes.push(required(format!("{field}.{name}"), ""));
    }
    if matches!(*first, "configMap" | "secret") {
        check_files(source, &field, causes);
    }
    for other in more {
        causes.push(forbidden(format!("{path}.{other}"), "may not specify more than 1 volume type"));
    }
}

/// The files of a config map or secret.
fn check_files(source: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let mode = |value: &Value, field: String, causes: &mut Vec<FieldError>| {
        if value.as_i64().is_some_and(|mode| !(0..=0o777).contains(&mode)) {
            causes.push(invalid(field, value, "must be a number between 0 and 0777 (octal), both inclusive"));
        }
    };
    mode(&source["defaultMode"], format!("{path}.defaultMode"), causes);
    for (index, item) in items(&source["items"]).iter().enumerate() {
        let path = format!("{path}.items[{index}]");
        if is_unset(&item["key"]) {
            causes.push(required(format!("{path}.key"), ""));
        }
        check_path(&item["path"], format!("{path}.path"), causes);
        mode(&item["mode"], format!("{path}.mode"), causes);
    }
}

fn check_path(value: &Value, field: String, causes: &mut Vec<FieldError>) {
    let path = value.as_str().unwrap_or_default();
    if path.is_empty() {
        causes.push(required(field, ""));
    } else if path.starts_with('/') {
        causes.push(invalid(field, value, "must be a relative path"));
    } else if path.split('/').any(|step| step == "..") {
        causes.push(invalid(field, value, "must not contain '..'"));
    } else if path.starts_with("..") {
        causes.push(invalid(field, value, "must not start with '..'"));
    }
}
