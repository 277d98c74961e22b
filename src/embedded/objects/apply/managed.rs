//! An object's managers (`metadata.managedFields`): who owns which fields.

use serde_json::{Map, Value, json};

use super::{Conflict, Writer, field_set::FieldSet};

/// How a manager came to its fields.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

#[derive(Clone, Debug)]
struct Manager {
    name: String,
    operation: Operation,
    api_version: String,
    subresource: String,
    time: String,
    fields: FieldSet,
}

impl Manager {
    /// An applier is the same one whatever version it applies; an updater is one per version.
    fn is(&self, operation: Operation, writer: Writer<'_>) -> bool {
        self.operation == operation
            && self.name == writer.manager
            && self.subresource == writer.subresource
            && (operation == Operation::Apply || self.api_version == writer.api_version)
    }

    fn shown(&self) -> String {
        let mut text = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }

    fn from_json(entry: &Value) -> Option<Self> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let operation = match text("operation").as_str() {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        Some(Self {
            name: text("manager"),
            operation,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            fields: FieldSet::from_json(entry.get("fieldsV1")?),
        })
    }

    fn to_json(&self) -> Value {
        let mut entry = json!({
            "manager": self.name,
            "operation": self.operation.name(),
            "apiVersion": self.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.to_json(),
        });
        if !self.time.is_empty() {
            entry["time"] = Value::from(self.time.clone());
        }
        if !self.subresource.is_empty() {
            entry["subresource"] = Value::from(self.subresource.clone());
        }
        entry
    }
}

/// All managers of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Managed(Vec<Manager>);

impl Managed {
    /// The managers that an object names; entries that cannot be read are left out.
    pub(super) fn of(object: &Value) -> Self {
        let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
        Self(entries.into_iter().flatten().filter_map(Manager::from_json).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that anybody owns.
    pub(super) fn union(&self) -> FieldSet {
        self.0.iter().fold(FieldSet::default(), |union, manager| union.union(&manager.fields))
    }

    /// Adds `fields` to those of a manager.
    pub(super) fn record(&mut self, fields: &FieldSet, operation: Operation, writer: Writer<'_>) {
        let manager = self.entry(operation, writer);
        manager.fields = manager.fields.union(fields);
        writer.time.clone_into(&mut manager.time);
    }

    /// Makes `fields` all that the applier `writer` owns; answers what it owned before.
    pub(super) fn replace_applied(&mut self, fields: &FieldSet, writer: Writer<'_>) -> Option<FieldSet> {
        let is_known = self.0.iter().any(|manager| manager.is(Operation::Apply, writer));
        let manager = self.entry(Operation::Apply, writer);
        writer.api_version.clone_into(&mut manager.api_version);
        let last = std::mem::replace(&mut manager.fields, fields.clone());
        is_known.then_some(last)
    }

    /// Notes the time at which the applier `writer` last changed anything.
    pub(super) fn touch_applied(&mut self, writer: Writer<'_>) {
        writer.time.clone_into(&mut self.entry(Operation::Apply, writer).time);
    }

    fn entry(&mut self, operation: Operation, writer: Writer<'_>) -> &mut Manager {
        let position = self.0.iter().position(|manager| manager.is(operation, writer)).unwrap_or_else(|| {
            self.0.push(Manager {
                name: writer.manager.to_owned(),
                operation,
                api_version: writer.api_version.to_owned(),
                subresource: writer.subresource.to_owned(),
                time: writer.time.to_owned(),
                fields: FieldSet::default(),
            });
            self.0.len() - 1
        });
        &mut self.0[position]
    }

    /// Which of `taken` belongs to others than the applier `writer`.
    pub(super) fn conflicts(&self, taken: &FieldSet, writer: Writer<'_>) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        for manager in self.0.iter().filter(|manager| !manager.is(Operation::Apply, writer)) {
            for field in manager.fields.intersection(taken).paths() {
                conflicts.push(Conflict { owner: manager.shown(), field });
            }
        }
        conflicts.sort_by(|a, b| a.owner.cmp(&b.owner));
        conflicts
    }

    /// Others than the applier `writer` lose `taken`.
    pub(super) fn take_from_others(&mut self, taken: &FieldSet, writer: Writer<'_>) {
        for manager in self.0.iter_mut().filter(|manager| !manager.is(Operation::Apply, writer)) {
            manager.fields = manager.fields.difference(taken);
        }
    }

    /// Everybody loses `taken`.
    pub(super) fn take_from_all(&mut self, taken: &FieldSet) {
        for manager in &mut self.0 {
            manager.fields = manager.fields.difference(taken);
        }
    }

    /// Everybody loses what is no longer there.
    pub(super) fn remove(&mut self, removed: &FieldSet) {
        self.take_from_all(removed);
    }

    /// Whether both say the same about who owns what, whenever that came to be.
    pub(super) fn same_fields(&self, other: &Self) -> bool {
        let owning = |managed: &Self| -> Vec<Manager> {
            managed.0.iter().filter(|manager| !manager.fields.is_empty()).cloned().collect()
        };
        let (own, other) = (owning(self), owning(other));
        own.len() == other.len()
            && own.iter().zip(&other).all(|(a, b)| a.fields == b.fields && a.api_version == b.api_version)
    }

    /// Writes the managers that own something into `metadata.managedFields`.
    pub(super) fn write_to(mut self, object: &mut Value) {
        self.0.retain(|manager| !manager.fields.is_empty());
        self.0.sort_by(|a, b| {
            let order = |manager: &Manager| (manager.operation, manager.time.clone(), manager.name.clone());
            order(a).cmp(&order(b)).then_with(|| a.api_version.cmp(&b.api_version))
        });
        let Some(fields) = object.as_object_mut() else { return };
        let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        let Some(metadata) = metadata.as_object_mut() else { return };
        if self.0.is_empty() {
            metadata.remove("managedFields");
        } else {
            let entries = self.0.iter().map(Manager::to_json).collect();
            metadata.insert("managedFields".to_owned(), Value::Array(entries));
        }
    }
}
