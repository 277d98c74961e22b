//! Custom resource definitions; what they define is in `api::custom`.

use serde_json::{Value, json};

use super::{FieldError, immutable, items, keep, set_default};
use crate::embedded::objects::schema::validate_definition;

/// The finalizer that keeps a definition until its objects are gone.
pub const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Fills in what apiextensions.k8s.io/v1 promises.
pub fn default(definition: &mut Value) {
    let spec = &mut definition["spec"];
    set_default(spec, "conversion", json!({"strategy": "None"}));
    let kind = spec["names"]["kind"].as_str().unwrap_or_default().to_owned();
    if !kind.is_empty() {
        set_default(&mut spec["names"], "singular", kind.to_lowercase());
        set_default(&mut spec["names"], "listKind", format!("{kind}List"));
    }
}

/// Starts a definition's life; the finalizer keeps it until its objects are gone.
pub fn prepare_create(definition: &mut Value) {
    let stored = items(&definition["spec"]["versions"]).iter().find(|version| version["storage"] == true);
    let stored = stored.map(|version| version["name"].clone());
    definition["status"] = json!({
        "acceptedNames": {"kind": "", "plural": ""},
        "storedVersions": stored.into_iter().collect::<Vec<_>>(),
    });
}

/// The status is changed through `/status`; a new storage version is noted there.
pub fn prepare_update(definition: &mut Value, before: &Value) {
    keep(definition, before, "status");
    let stored = items(&definition["spec"]["versions"]).iter().find(|version| version["storage"] == true);
    if let Some(name) = stored.map(|version| version["name"].clone())
        && let Some(versions) = definition["status"]["storedVersions"].as_array_mut()
        && !versions.contains(&name)
    {
        versions.push(name);
    }
}

/// Complains about names, scope and versions.
pub fn validate(definition: &Value) -> Vec<FieldError> {
    validate_definition(definition)
}

/// The same for a changed definition, whose group, names and scope are fixed.
pub fn validate_update(definition: &Value, before: &Value) -> Vec<FieldError> {
    let mut causes = validate(definition);
    for (field, pointer) in
        [("spec.group", "/spec/group"), ("spec.names.plural", "/spec/names/plural"), ("spec.scope", "/spec/scope")]
    {
        let value = |object: &Value| object.pointer(pointer).cloned().unwrap_or_default();
        immutable(&value(definition), &value(before), field, &mut causes);
    }
    causes
}
