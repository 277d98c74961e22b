//! Sets of field paths, and their JSON form `FieldsV1`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::embedded::objects::shape::{ListType, Shape};

/// A set of paths into an object, as a tree.
///
/// The steps of a path are those of `FieldsV1`: `f:<name>` a field, `k:<json>` a list element by its keys, `v:<json>` a
/// list element by its value, `i:<n>` by its index.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FieldSet {
    /// Whether the path that leads here is in the set.
    pub(super) member: bool,
    /// No child is empty.
    pub(super) children: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// All fields of `value`, as its author owns them.
    pub fn of(value: &Value, shape: Shape<'_>) -> Self {
        let mut set = Self::default();
        match value {
            Value::Object(fields) if !shape.is_atomic_map() => {
                for (name, field) in fields {
                    let mut child = Self::of(field, shape.field(name));
                    let is_empty = field.is_null() || field.as_object().is_some_and(Map::is_empty);
                    child.member |= is_empty || !shape.is_named_field(name);
                    set.put(field_step(name), child);
                }
            }
            Value::Array(elements) => match shape.list_type() {
                ListType::Atomic => set.member = true,
                list => {
                    for (index, element) in elements.iter().enumerate() {
                        let mut child = Self::of(element, shape.element());
                        child.member = true;
                        set.put(element_step(list, element, index), child);
                    }
                }
            },
            _ => set.member = true,
        }
        set
    }

    /// Reads the JSON form; what is no such form is the empty set.
    pub fn from_json(fields: &Value) -> Self {
        let mut set = Self::default();
        for (step, child) in fields.as_object().into_iter().flatten() {
            if step == "." {
                set.member = true;
                continue;
            }
            let mut child = Self::from_json(child);
            child.member |= child.children.is_empty();
            set.put(step.clone(), child);
        }
        set
    }

    /// The JSON form (`fieldsV1`).
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        if self.member && !self.children.is_empty() {
            fields.insert(".".to_owned(), Value::Object(Map::new()));
        }
        fields.extend(self.children.iter().map(|(step, child)| (step.clone(), child.to_json())));
        Value::Object(fields)
    }

    /// Whether no path is in the set.
    pub fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    /// Adds a child unless it is empty.
    pub(super) fn put(&mut self, step: String, child: Self) {
        if !child.is_empty() {
            self.children.insert(step, child);
        }
    }

    /// The paths in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut union = self.clone();
        union.extend(other);
        union
    }

    fn extend(&mut self, other: &Self) {
        self.member |= other.member;
        for (step, child) in &other.children {
            self.children.entry(step.clone()).or_default().extend(child);
        }
    }

    /// The paths in this set that are not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut difference = Self { member: self.member && !other.member, children: BTreeMap::new() };
        for (step, child) in &self.children {
            let rest = other.children.get(step).map_or_else(|| child.clone(), |other| child.difference(other));
            difference.put(step.clone(), rest);
        }
        difference
    }

    /// The paths in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self { member: self.member && other.member, children: BTreeMap::new() };
        for (step, child) in &self.children {
            if let Some(other) = other.children.get(step) {
                both.put(step.clone(), child.intersection(other));
            }
        }
        both
    }

    /// All paths, as messages show them: `.spec.containers[name="web"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect_paths("", &mut paths);
        paths
    }

    fn collect_paths(&self, path: &str, paths: &mut Vec<String>) {
        if self.member {
            paths.push(path.to_owned());
        }
        // First what ends here, then what goes on, as Kubernetes lists them.
        let (leaves, branches): (Vec<_>, Vec<_>) =
            self.children.iter().partition(|(_, child)| child.children.is_empty());
        for (step, child) in leaves.into_iter().chain(branches) {
            child.collect_paths(&format!("{path}{}", show_step(step)), paths);
        }
    }

    /// The set without the object's identity and without what the server maintains.
    pub(super) fn without_server_fields(mut self) -> Self {
        const METADATA: [&str; 9] = [
            "f:clusterName",
            "f:creationTimestamp",
            "f:generation",
            "f:managedFields",
            "f:name",
            "f:namespace",
            "f:resourceVersion",
            "f:selfLink",
            "f:uid",
        ];
        self.children.remove("f:apiVersion");
        self.children.remove("f:kind");
        if let Some(mut metadata) = self.children.remove("f:metadata") {
            metadata.member = false;
            metadata.children.retain(|step, _| !METADATA.contains(&step.as_str()));
            self.put("f:metadata".to_owned(), metadata);
        }
        self
    }
}

/// The step to a field.
pub(super) fn field_step(name: &str) -> String {
    format!("f:{name}")
}

/// The step to an element of a list that merges; an element without its keys counts by its place.
pub(super) fn element_step(list: ListType<'_>, element: &Value, index: usize) -> String {
    match list {
        ListType::Atomic => format!("i:{index}"),
        ListType::Map(keys) => match keys.of(element) {
            Some(keys) => format!("k:{}", Value::Object(keys.into_iter().collect())),
            None => format!("i:{index}"),
        },
        ListType::Set => format!("v:{element}"),
    }
}

/// A step as messages show it.
pub(super) fn show_step(step: &str) -> String {
    match step.split_at_checked(2) {
        Some(("f:", name)) => format!(".{name}"),
        Some(("k:", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let shown: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("[{}]", shown.join(","))
        }
        Some(("v:", value)) => format!("[={value}]"),
        Some(("i:", index)) => format!("[{index}]"),
        _ => step.to_owned(),
    }
}
