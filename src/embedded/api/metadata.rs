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

    /// Starts the life of a new object.
    pub(super) fn begin(&self, object: &mut Value) {
        let generate = text(object, "generateName").to_owned();
        if text(object, "name").is_empty() && !generate.is_empty() {
            object["metadata"]["name"] = names::generate(&generate).into();
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            for field in ["selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
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
        if name.is_empty() {
            errors.push(FieldError::required("metadata.name", "name or generateName is required"));
        } else if let Some(problem) = rule.check(name) {
            errors.push(FieldError::invalid("metadata.name", name, problem));
        }
        errors
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
            errors.push(FieldError::forbidden("metadata.finalizers", format!("{detail}{}", go_list(&added))));
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
        for (index, owner) in metadata["ownerReferences"].as_array().into_iter().flatten().enumerate() {
            for field in ["apiVersion", "kind", "name", "uid"] {
                if owner[field].as_str().is_none_or(str::is_empty) {
                    let path = format!("metadata.ownerReferences[{index}].{field}");
                    errors.push(FieldError::invalid(path, "", format!("{field} must not be empty")));
                }
            }
        }
        errors
    }
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
