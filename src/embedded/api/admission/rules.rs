//! The rules of a webhook: which requests it wants to be asked about.

use serde_json::Value;

use super::{super::call::Call, Operation};

/// The version that a request is shown in to a webhook, which may know another one than the caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Equivalent {
    pub version: String,
}

/// Whether a webhook's rules cover a request: as it was made, or in another version of the same resource.
pub(super) fn covers(webhook: &Value, call: &Call, operation: Operation) -> Option<Equivalent> {
    let rules = webhook["rules"].as_array()?;
    let covered = |version: &str| rules.iter().any(|rule| covers_version(rule, call, operation, version));
    let asked = call.target.version.as_str();
    if covered(asked) {
        return Some(Equivalent { version: asked.to_owned() });
    }
    if webhook["matchPolicy"] == "Exact" {
        return None;
    }
    let others = call.resource.versions.iter().map(|version| version.name.as_str());
    others.into_iter().find(|version| covered(version)).map(|version| Equivalent { version: version.to_owned() })
}

fn covers_version(rule: &Value, call: &Call, operation: Operation, version: &str) -> bool {
    let any = |field: &str, wanted: &[&str]| {
        let patterns = rule[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        patterns.into_iter().any(|pattern| wanted.contains(&pattern))
    };
    let resource = call.resource.plural.as_str();
    let resource_matches = match call.target.subresource.as_deref() {
        None => any("resources", &["*", "*/*", resource]),
        Some(part) => {
            let (whole, of_all, all_of) = (format!("{resource}/{part}"), format!("*/{part}"), format!("{resource}/*"));
            any("resources", &["*/*", &whole, &of_all, &all_of])
        }
    };
    let scope = if call.resource.namespaced { "Namespaced" } else { "Cluster" };
    resource_matches
        && any("operations", &["*", operation.as_str()])
        && any("apiGroups", &["*", &call.resource.group])
        && any("apiVersions", &["*", version])
        && (rule["scope"].is_null() || rule["scope"] == "*" || rule["scope"] == scope)
}
