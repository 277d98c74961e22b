//! What a write sets off inside the server: definitions make resources, services return addresses.

use serde_json::{Value, json};

use super::{
    Server,
    call::Call,
    custom, kinds,
    metadata::{self, text},
    resource::Rules,
};
use crate::embedded::store::{Key, WriteError, revision_of};

/// The table of definitions.
pub(super) const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

impl Server {
    /// Something was made or changed.
    pub(super) fn after_write(&self, call: &Call, object: &Value) {
        if call.resource.table == DEFINITIONS {
            self.follow_definition(object);
        }
    }

    /// Something was removed.
    pub(super) fn after_removal(&self, call: &Call, object: &Value) {
        match (call.resource.table.as_str(), &call.resource.rules) {
            ("services", _) => self.release(object),
            (DEFINITIONS, _) => self.forget_definition(object),
            (_, Rules::Custom(custom)) => self.end_definition(&custom.definition),
            _ => {}
        }
    }

    /// Serves what a definition defines, or clears up after it.
    fn follow_definition(&self, definition: &Value) {
        let name = text(definition, "name");
        if metadata::is_terminating(definition) {
            self.clear_definition(definition);
            return self.end_definition(name);
        }
        let conditions = match self.serve_definition(definition) {
            Ok(()) => [
                condition("NamesAccepted", "True", "NoConflicts", "no conflicts found"),
                condition("Established", "True", "InitialNamesAccepted", "the initial names have been accepted"),
            ],
            Err(conflict) => [
                condition("NamesAccepted", "False", conflict.reason, &conflict.message),
                condition("Established", "False", "NotAccepted", "not all names are accepted"),
            ],
        };
        self.change_definition(name, |definition| {
            if conditions[0]["status"] == "True" {
                definition["status"]["acceptedNames"] = definition["spec"]["names"].clone();
            }
            set_conditions(&mut definition["status"], &conditions);
        });
    }

    /// Puts the resource of a definition into the catalogue, unless its names are another's.
    fn serve_definition(&self, definition: &Value) -> Result<(), NameConflict> {
        let resource = custom::resource(definition)
            .map_err(|error| NameConflict { reason: "InvalidSchema", message: error.to_string() })?;
        for other in self.registry().all().values().filter(|other| other.group == resource.group) {
            if other.plural == resource.plural {
                continue;
            }
            if other.kind == resource.kind {
                let message = format!("{:?} is already in use", resource.kind);
                return Err(NameConflict { reason: "KindConflict", message });
            }
            if other.singular == resource.singular {
                let message = format!("{:?} is already in use", resource.singular);
                return Err(NameConflict { reason: "SingularConflict", message });
            }
        }
        self.registry().insert(resource);
        Ok(())
    }

    /// Deletes all objects that a definition defines.
    fn clear_definition(&self, definition: &Value) {
        let spec = |pointer: &str| definition["spec"].pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if let Some(resource) = self.registry().find(spec("/group"), spec("/names/plural")) {
            self.delete_all(&resource);
        }
    }

    /// Lets a definition go that is on its way out, once no object of it is left.
    fn end_definition(&self, name: &str) {
        let key = Key::new("", name);
        let Some(stored) = self.store().get(DEFINITIONS, &key) else { return };
        if !metadata::is_terminating(&stored) {
            return;
        }
        if self.store().count(name) > 0 {
            let message = "CustomResource deletion is in progress";
            let waiting = [condition("Terminating", "True", "InstanceDeletionInProgress", message)];
            return self.change_definition(name, |definition| set_conditions(&mut definition["status"], &waiting));
        }
        let mut last = stored.as_ref().clone();
        if let Some(list) = last["metadata"]["finalizers"].as_array_mut() {
            list.retain(|finalizer| finalizer != kinds::crd::FINALIZER);
        }
        if metadata::has_finalizers(&last) {
            return self.change_definition(name, |definition| {
                definition["metadata"]["finalizers"] = last["metadata"]["finalizers"].clone();
            });
        }
        if self.store().delete(DEFINITIONS, key, revision_of(&stored), last).is_ok() {
            self.forget_definition(&stored);
        }
    }

    fn forget_definition(&self, definition: &Value) {
        let spec = |pointer: &str| definition["spec"].pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        self.registry().remove(spec("/group"), spec("/names/plural"));
    }

    /// Changes a definition that may be written by others at the same time.
    fn change_definition(&self, name: &str, change: impl Fn(&mut Value)) {
        let key = Key::new("", name);
        while let Some(stored) = self.store().get(DEFINITIONS, &key) {
            let mut next = stored.as_ref().clone();
            change(&mut next);
            if next == *stored {
                return;
            }
            match self.store().update(DEFINITIONS, key.clone(), revision_of(&stored), next) {
                Err(WriteError::Modified) => {}
                _ => return,
            }
        }
    }
}

/// Marks a definition that is to be deleted; the finalizer keeps it until its objects are gone.
pub(super) fn mark_definition(definition: &mut Value) {
    definition["metadata"]["deletionTimestamp"] = metadata::now().into();
    let mut finalizers = definition["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if !finalizers.iter().any(|name| name == kinds::crd::FINALIZER) {
        finalizers.push(kinds::crd::FINALIZER.into());
    }
    definition["metadata"]["finalizers"] = finalizers.into();
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_conditions(&mut definition["status"], &[condition("Terminating", "True", "InstanceDeletionPending", message)]);
}

/// Why a definition's names cannot be had.
struct NameConflict {
    reason: &'static str,
    message: String,
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message})
}

/// Sets conditions; the time tells when their status last changed.
fn set_conditions(status: &mut Value, conditions: &[Value]) {
    let mut list = status["conditions"].as_array().cloned().unwrap_or_default();
    for condition in conditions {
        let mut condition = condition.clone();
        let place = list.iter().position(|other| other["type"] == condition["type"]);
        let before = place.map(|place| list[place].clone()).filter(|before| before["status"] == condition["status"]);
        let since = before.map_or_else(|| metadata::now().into(), |before| before["lastTransitionTime"].clone());
        condition["lastTransitionTime"] = since;
        match place {
            Some(place) => list[place] = condition,
            None => list.push(condition),
        }
    }
    status["conditions"] = list.into();
}
