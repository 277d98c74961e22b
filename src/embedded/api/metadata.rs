//! The part of every object that is the server's: names, uids, versions, times, generations.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{call::Call, names, resource::Rules, status::Status};
use crate::embedded::objects::{field_error::FieldError, names as rules};

/// The present, to the second, as objects have it.
pub(super) fn now() -> String {
    time_text(Timestamp::now())
}

/// A time, to the second.
pub(super) fn time_text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A name, a namespace or another text of `metadata`.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// Whether somebody has asked for the object's end.
pub(super) fn is_terminating(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// Whether anybody still has work to do before the object may go.
pub(super) fn has_finalizers(object: &Value) -> bool {
    let any = |pointer: &str| object.pointer(pointer).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    any("/metadata/finalizers") || (object["kind"] == "Namespace" && any("/spec/finalizers"))
}

impl Call {
    /// Settles the namespace of an object that was sent.
    pub(super) fn settle_namespace(&self, object: &mut Value) -> Result<(), Status> {
        let given = text(object, "namespace").to_owned();
        let Some(namespace) = self.namespace() else {
            if self.resource.namespaced {
                return Err(Status::bad_request("an empty namespace may not be set during creation"));
            }
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.remove("namespace");
            }
            return Ok(());
        };
        if !given.is_empty() && given != namespace {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        object["metadata"]["namespace"] = namespace.into();
        Ok(())
    }

    /// Removes from a new object's metadata what its author has no say in.
    pub(super) fn strip(&self, object: &mut Value) {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            for field in ["creationTimestamp", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "uid"] {
                metadata.remove(field);
            }
            drop_empty(metadata);
        }
    }

    /// Starts the life of a new object.
    pub(super) fn begin(&self, object: &mut Value) {
        let generate = text(object, "generateName").to_owned();
        if text(object, "name").is_empty() && !generate.is_empty() {
            object["metadata"]["name"] = names::generate(&generate).into();
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            for field in ["selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"] {
                metadata.remove(field);
            }
            drop_empty(metadata);
        }
        object["metadata"]["uid"] = uuid::Uuid::new_v4().to_string().into();
        object["metadata"]["creationTimestamp"] = now().into();
        if self.resource.counts_generations() {
            object["metadata"]["generation"] = 1.into();
        }
    }

    /// Carries over what a change cannot touch, and counts the generation.
    pub(super) fn go_on(&self, object: &mut Value, before: &Value) {
        let old = &before["metadata"];
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("selfLink");
            metadata.insert("resourceVersion".to_owned(), old["resourceVersion"].clone());
            for field in ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
                match old.get(field) {
                    Some(value) => metadata.insert(field.to_owned(), value.clone()),
                    None => metadata.remove(field),
                };
            }
            for field in ["uid", "generateName"] {
                if !metadata.contains_key(field)
                    && let Some(value) = old.get(field)
                {
                    metadata.insert(field.to_owned(), value.clone());
                }
            }
            drop_empty(metadata);
        }
        if self.resource.counts_generations() && wishes(object) != wishes(before) {
            let generation = old["generation"].as_i64().unwrap_or(0) + 1;
            object["metadata"]["generation"] = generation.into();
        }
    }

    /// Complains about a new object's metadata.
    pub(super) fn check_new_metadata(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = self.check_metadata(object);
        let name = text(object, "name");
        let rule = match &self.resource.rules {
            Rules::Builtin(builtin) => builtin.names,
            Rules::Custom(_) => names::Names::Subdomain,
        };
        let generate = text(object, "generateName");
        if !generate.is_empty()
            && let Some(problem) = rule.check_prefix(generate)
        {
            errors.insert(0, FieldError::invalid("metadata.generateName", generate, problem));
        }
        if name.is_empty() {
            errors.push(FieldError::required("metadata.name", "name or generateName is required"));
        } else if let Some(problem) = rule.check(name) {
            errors.push(FieldError::invalid("metadata.name", name, problem));
        }
        errors
    }

    /// Complains about what a change cannot touch, and says so where Kubernetes does.
    pub(super) fn check_fixed_metadata(&self, object: &Value, before: &Value) -> Vec<FieldError> {
        let (new, old) = (&object["metadata"], &before["metadata"]);
        let fields = ["deletionTimestamp", "deletionGracePeriodSeconds"];
        let changed = fields.into_iter().filter(|&field| !new[field].is_null() && new[field] != old[field]);
        let error = |field: &str| {
            // Go prints a time in its own way.
            let shown = new[field].as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let shown = shown.map(|time| time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string());
            FieldError::immutable(format!("metadata.{field}"), new[field].clone(), shown)
        };
        changed.map(error).collect()
    }

    /// Complains about a changed object's metadata.
    pub(super) fn check_changed_metadata(&self, object: &Value, before: &Value) -> Vec<FieldError> {
        let mut errors = self.check_metadata(object);
        for field in ["name", "namespace", "uid"] {
            let (new, old) = (&object["metadata"][field], &before["metadata"][field]);
            if new != old {
                errors.push(FieldError::invalid(format!("metadata.{field}"), new.clone(), "field is immutable"));
            }
        }
        let finalizers = |object: &Value| object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        let known = finalizers(before);
        let added: Vec<Value> = finalizers(object).into_iter().filter(|name| !known.contains(name)).collect();
        if is_terminating(before) && !added.is_empty() {
            let detail = "no new finalizers can be added if the object is being deleted, found new finalizers []string";
            let error = FieldError::forbidden("metadata.finalizers", format!("{detail}{}", go_list(&added)));
            // Said by the checks for all kinds, and again by those for this kind.
            errors.extend([error.clone(), error]);
        }
        errors
    }

    fn check_metadata(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let metadata = &object["metadata"];
        let empty = Map::new();
        for (key, value) in metadata["labels"].as_object().unwrap_or(&empty) {
            if let Some(problem) = rules::qualified_name(key) {
                errors.push(FieldError::invalid("metadata.labels", key.as_str(), problem));
            }
            if let Some(problem) = rules::label_value(value.as_str().unwrap_or_default()) {
                errors.push(FieldError::invalid("metadata.labels", value.clone(), problem));
            }
        }
        for key in metadata["annotations"].as_object().unwrap_or(&empty).keys() {
            if let Some(problem) = rules::qualified_name(&key.to_lowercase()) {
                errors.push(FieldError::invalid("metadata.annotations", key.as_str(), problem));
            }
        }
        errors.extend(check_owners(&metadata["ownerReferences"]));
        errors.extend(check_finalizers(&metadata["finalizers"]));
        errors
    }
}

/// Complains about owners; Kubernetes does not say which of them.
fn check_owners(owners: &Value) -> Vec<FieldError> {
    const PATH: &str = "metadata.ownerReferences";
    let (mut errors, mut controller) = (Vec::new(), None);
    for owner in owners.as_array().into_iter().flatten() {
        let field = |name: &str| owner[name].as_str().unwrap_or_default();
        let api_version = field("apiVersion");
        if api_version.is_empty() || api_version.split('/').count() > 2 || api_version.ends_with('/') {
            errors.push(FieldError::invalid(format!("{PATH}.apiVersion"), api_version, "version must not be empty"));
        }
        for name in ["kind", "name", "uid"] {
            if field(name).is_empty() {
                errors.push(FieldError::invalid(format!("{PATH}.{name}"), "", format!("{name} must not be empty")));
            }
        }
        if field("kind") == "Event" && matches!(api_version, "v1" | "events.k8s.io/v1") {
            let group = api_version.strip_suffix("v1").unwrap_or_default().trim_end_matches('/');
            let detail = format!("{group}/v1, Kind=Event is disallowed from being an owner");
            errors.push(FieldError::invalid(PATH, owner.clone(), detail));
        }
        if owner["controller"] == true
            && let Some(first) = controller.replace(field("name"))
        {
            let detail = format!(
                "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {}",
                field("name")
            );
            errors.push(FieldError::invalid(PATH, owners.clone(), detail));
        }
    }
    errors
}

/// Complains about finalizers that nobody could own, or that contradict each other.
fn check_finalizers(finalizers: &Value) -> Vec<FieldError> {
    const PATH: &str = "metadata.finalizers";
    let names: Vec<&str> = finalizers.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut errors = Vec::new();
    for name in &names {
        errors.extend(rules::qualified_name(name).map(|problem| FieldError::invalid(PATH, *name, problem)));
    }
    for (index, name) in names.iter().enumerate() {
        errors.extend(rules::finalizer(&format!("{PATH}[{index}]"), name));
    }
    if names.contains(&"orphan") && names.contains(&"foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(PATH, finalizers.clone(), detail));
    }
    errors
}

/// What an object's author wants: everything but the metadata, the status and the type.
fn wishes(object: &Value) -> Vec<(&String, &Value)> {
    let fields = object.as_object().into_iter().flatten();
    fields.filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "status")).collect()
}

/// Lists and maps without entries are the same as none.
fn drop_empty(metadata: &mut Map<String, Value>) {
    metadata.retain(|_, value| *value != json!({}) && *value != json!([]) && *value != json!("") && !value.is_null());
}

/// A list of texts as Go prints it.
fn go_list(texts: &[Value]) -> String {
    let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
    format!("{{{}}}", texts.join(", "))
}
