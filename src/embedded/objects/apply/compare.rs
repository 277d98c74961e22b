//! What differs between two versions of an object, as sets of fields.

use std::collections::BTreeMap;

use serde_json::Value;

use super::field_set::{FieldSet, element_step, field_step};
use crate::embedded::objects::shape::{ListType, Shape};

/// The difference between two versions.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// Only in the second version.
    pub(super) added: FieldSet,
    /// In both, with another value.
    pub(super) modified: FieldSet,
    /// Only in the first version.
    pub(super) removed: FieldSet,
}

/// Compares two versions of the same place; null counts as absent.
pub(super) fn compare(old: Option<&Value>, new: Option<&Value>, shape: Shape<'_>) -> Difference {
    let old = old.filter(|value| !value.is_null());
    let new = new.filter(|value| !value.is_null());
    if old == new {
        return Difference::default();
    }
    let (Some(parts), false) = (parts(old, new, shape), is_changed_kind(old, new)) else {
        return leaf(old, new, shape);
    };
    let mut difference = Difference::default();
    for (step, (old, new, shape)) in parts {
        let part = compare(old, new, shape);
        difference.added.put(step.clone(), part.added);
        difference.modified.put(step.clone(), part.modified);
        difference.removed.put(step, part.removed);
    }
    difference.added.member = old.is_none() && !shape.is_always_there();
    difference.removed.member = new.is_none();
    difference
}

/// A value that is compared as a whole. One that changed its JSON type takes its old parts with it.
fn leaf(old: Option<&Value>, new: Option<&Value>, shape: Shape<'_>) -> Difference {
    let mut difference = Difference::default();
    match (old, new) {
        (None, _) => difference.added.member = true,
        (_, None) => difference.removed.member = true,
        (Some(old), Some(_)) => {
            difference.modified.member = true;
            difference.removed = FieldSet { member: false, ..FieldSet::of(old, shape) };
        }
    }
    difference
}

fn is_changed_kind(old: Option<&Value>, new: Option<&Value>) -> bool {
    old.zip(new).is_some_and(|(old, new)| old.is_object() != new.is_object() || old.is_array() != new.is_array())
}

type Parts<'a, 's> = BTreeMap<String, (Option<&'a Value>, Option<&'a Value>, Shape<'s>)>;

/// The parts to compare one by one; `None` if the value is compared as a whole.
fn parts<'a, 's>(old: Option<&'a Value>, new: Option<&'a Value>, shape: Shape<'s>) -> Option<Parts<'a, 's>> {
    let mut parts = Parts::new();
    for (is_new, version) in [(false, old), (true, new)] {
        let mut put = |step: String, value: &'a Value, shape: Shape<'s>| {
            let part = parts.entry(step).or_insert((None, None, shape));
            let side = if is_new { &mut part.1 } else { &mut part.0 };
            // Of two elements with the same keys, which no valid object has, the first counts.
            side.get_or_insert(value);
        };
        match version {
            Some(Value::Object(fields)) if !shape.is_atomic_map() => {
                fields.iter().for_each(|(name, value)| put(field_step(name), value, shape.field(name)));
            }
            Some(Value::Array(elements)) => match shape.list_type() {
                ListType::Atomic => return None,
                list => {
                    for (index, element) in elements.iter().enumerate() {
                        put(element_step(list, element, index), element, shape.element());
                    }
                }
            },
            Some(_) => return None,
            None => {}
        }
    }
    // An empty map is a value of its own, told apart from none.
    (!parts.is_empty()).then_some(parts)
}
