//! Selectors of workloads.

use serde_json::Value;

use super::{Mistake, Path, Report, Stages};

/// Checks a selector; `path` is that of the selector itself.
pub(super) fn check(selector: Option<&Value>, path: &Path, report: &mut Report) {
    let Some(selector) = selector.filter(|selector| selector.is_object()) else { return };
    let labels = selector.get("matchLabels").and_then(Value::as_object);
    if labels.is_none_or(serde_json::Map::is_empty) {
        report.warn(path, "a selector without labels selects nothing in particular: all workloads");
    }
    let path = path.key("matchLabels");
    for (key, value) in labels.into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        if key.is_empty() {
            report.refuse(Mistake::EmptyKey, Stages::Both, &path, format!("selector has an empty key (for `{value}`)"));
        }
        if key.contains('*') || value.contains('*') {
            let message = format!("selector `{key}: {value}` has a wildcard `*`, labels are compared as they are");
            report.refuse(Mistake::WildcardSelector, Stages::Both, &path.key(key), message);
        }
        if value.len() > 63 {
            let message = format!("selector value of `{key}` is longer than 63 characters");
            report.refuse(Mistake::BadName, Stages::Schema, &path.key(key), message);
        }
    }
}
