//! Merging a configuration into an object, and removing what its manager no longer applies.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::field_set::{FieldSet, element_step, field_step, show_step};
use crate::embedded::objects::shape::{ListType, Shape};

/// Merges `config` into `live`: what `config` says wins, what it does not mention stays.
pub(super) fn merge(live: &Value, config: &Value, shape: Shape<'_>) -> Value {
    match (live, config) {
        (Value::Object(live), Value::Object(config)) if !shape.is_atomic_map() => {
            let mut merged = live.clone();
            for (name, value) in config {
                let value = live.get(name).map_or_else(|| value.clone(), |live| merge(live, value, shape.field(name)));
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(live), Value::Array(config)) => match shape.list_type() {
            ListType::Atomic => Value::Array(config.clone()),
            list => Value::Array(merge_lists(live, config, list, shape.element())),
        },
        _ => config.clone(),
    }
}

/// Merges two lists with keys. The configuration's elements keep their order among each other, those that only `live`
/// has keep their place as far as that allows.
fn merge_lists(live: &[Value], config: &[Value], list: ListType<'_>, element: Shape<'_>) -> Vec<Value> {
    let steps = |elements: &[Value]| -> Vec<String> {
        elements.iter().enumerate().map(|(index, element)| element_step(list, element, index)).collect()
    };
    let (live_steps, config_steps) = (steps(live), steps(config));
    let mut positions = BTreeMap::new();
    for (position, step) in live_steps.iter().enumerate() {
        positions.entry(step).or_insert(position);
    }
    let (mut merged, mut next_live) = (Vec::with_capacity(live.len() + config.len()), 0);
    let mut take_live_until = |limit: usize, merged: &mut Vec<Value>| {
        while next_live < limit {
            if !config_steps.contains(&live_steps[next_live]) {
                merged.push(live[next_live].clone());
            }
            next_live += 1;
        }
    };
    for (index, value) in config.iter().enumerate() {
        let next_shared = config_steps[index..].iter().find_map(|step| positions.get(step));
        take_live_until(next_shared.copied().unwrap_or(live.len()), &mut merged);
        merged.push(match positions.get(&config_steps[index]) {
            Some(&position) => merge(&live[position], value, element),
            None => value.clone(),
        });
    }
    take_live_until(live.len(), &mut merged);
    merged
}

/// Removes from `value` what is in `last` (the manager's previous set) but not in `kept` (everybody's sets now).
///
/// Answers whether anything was removed. A map or list that became empty by it goes too, unless somebody owns it.
pub(super) fn prune(value: &mut Value, last: &FieldSet, kept: &FieldSet, shape: Shape<'_>) -> bool {
    match value {
        Value::Object(fields) if !shape.is_atomic_map() => prune_fields(fields, last, kept, shape),
        Value::Array(elements) => match shape.list_type() {
            ListType::Atomic => false,
            list => prune_elements(elements, last, kept, list, shape.element()),
        },
        _ => false,
    }
}

fn prune_fields(fields: &mut Map<String, Value>, last: &FieldSet, kept: &FieldSet, shape: Shape<'_>) -> bool {
    let before = fields.len();
    let mut changed = false;
    fields.retain(|name, value| {
        let step = field_step(name);
        let Some(last) = last.children.get(&step) else { return true };
        let kept = kept.children.get(&step);
        if last.children.is_empty() && kept.is_none() {
            return false;
        }
        let nothing = FieldSet::default();
        let removed = prune(value, last, kept.unwrap_or(&nothing), shape.field(name));
        changed |= removed;
        !(kept.is_none() && is_empty(value) && (removed || last.member))
    });
    changed || fields.len() < before
}

/// An element goes when its manager gave it up and nobody else owns the element itself, whoever owns its parts.
fn prune_elements(
    elements: &mut Vec<Value>,
    last: &FieldSet,
    kept: &FieldSet,
    list: ListType<'_>,
    element: Shape<'_>,
) -> bool {
    let before = elements.len();
    let (mut changed, mut index) = (false, 0);
    elements.retain_mut(|value| {
        let step = element_step(list, value, index);
        index += 1;
        let Some(last) = last.children.get(&step) else { return true };
        let kept = kept.children.get(&step);
        if last.member && !kept.is_some_and(|kept| kept.member) {
            return false;
        }
        let nothing = FieldSet::default();
        changed |= prune(value, last, kept.unwrap_or(&nothing), element);
        true
    });
    changed || elements.len() < before
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        _ => false,
    }
}

/// Checks that every element of a list with keys has its keys, and has them alone.
pub(super) fn check_lists(value: &Value, shape: Shape<'_>, path: &str) -> Result<(), String> {
    match value {
        Value::Object(fields) if !shape.is_atomic_map() => {
            fields.iter().try_for_each(|(name, value)| check_lists(value, shape.field(name), &format!("{path}.{name}")))
        }
        Value::Array(elements) => match shape.list_type() {
            ListType::Atomic => Ok(()),
            list => check_elements(elements, list, shape.element(), path),
        },
        _ => Ok(()),
    }
}

fn check_elements(elements: &[Value], list: ListType<'_>, element: Shape<'_>, path: &str) -> Result<(), String> {
    let mut seen = Vec::with_capacity(elements.len());
    for (index, value) in elements.iter().enumerate() {
        if let ListType::Map(keys) = list
            && keys.of(value).is_none()
        {
            return Err(format!(
                "{path}: element {index}: associative list with keys has an element that omits key field {:?} (and doesn't \
                 have default value)",
                keys.first_missing(value)
            ));
        }
        let step = element_step(list, value, index);
        if seen.contains(&step) {
            return Err(format!("{path}: duplicate entries for key {}", show_step(&step)));
        }
        check_lists(value, element, &format!("{path}{}", show_step(&step)))?;
        seen.push(step);
    }
    Ok(())
}
