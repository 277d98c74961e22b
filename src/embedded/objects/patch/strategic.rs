//! Strategic merge patch: a merge patch that knows the merge keys of lists, with directives.

use serde_json::{Map, Value};

use super::PatchError;
use crate::embedded::objects::shape::{PatchStrategy, Shape};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";

/// Merges `patch` into `object`; both are maps, or `object` is replaced by one.
pub(super) fn merge(object: Value, patch: &Value, shape: Shape<'_>) -> Result<Value, PatchError> {
    let Value::Object(patch) = patch else { return Ok(patch.clone()) };
    match directive(patch)? {
        Some(Directive::Delete) => return Ok(Value::Object(Map::new())),
        Some(Directive::Replace) => return Ok(Value::Object(without_directives(patch))),
        Some(Directive::Merge) | None => {}
    }
    let mut merged = match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    if let Some(retained) = patch.get(RETAIN_KEYS) {
        let retained = retained.as_array().ok_or_else(|| unprocessable("$retainKeys must be a list"))?;
        merged.retain(|name, _| retained.iter().any(|key| key.as_str() == Some(name)));
    }
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
            delete_scalars(merged.get_mut(list), value);
        } else if !name.starts_with('$') {
            merge_field(&mut merged, name, value, shape.field(name))?;
        }
    }
    for (name, order) in patch {
        if let Some(list) = name.strip_prefix(SET_ELEMENT_ORDER) {
            set_order(merged.get_mut(list), order, shape.field(list).patch_strategy());
        }
    }
    Ok(Value::Object(merged))
}

fn merge_field(into: &mut Map<String, Value>, name: &str, patch: &Value, shape: Shape<'_>) -> Result<(), PatchError> {
    let merged = match patch {
        Value::Null => {
            into.remove(name);
            return Ok(());
        }
        Value::Object(fields) if directive(fields)? == Some(Directive::Delete) => {
            into.remove(name);
            return Ok(());
        }
        Value::Object(_) => merge(into.remove(name).unwrap_or(Value::Null), patch, shape)?,
        Value::Array(elements) => {
            let current = match into.remove(name) {
                Some(Value::Array(current)) => current,
                _ => Vec::new(),
            };
            Value::Array(merge_list(current, elements, shape)?)
        }
        scalar => scalar.clone(),
    };
    into.insert(name.to_owned(), merged);
    Ok(())
}

fn merge_list(mut current: Vec<Value>, patch: &[Value], shape: Shape<'_>) -> Result<Vec<Value>, PatchError> {
    match shape.patch_strategy() {
        PatchStrategy::Replace => Ok(patch.to_vec()),
        PatchStrategy::MergeScalars => {
            let live = current.clone();
            let added: Vec<Value> = patch.iter().filter(|value| !current.contains(value)).cloned().collect();
            current.extend(added);
            Ok(ordered(current, &live, patch, |a, b| a == b))
        }
        PatchStrategy::MergeBy(key) => {
            let live = current.clone();
            let merged = merge_by_key(current, patch, key, shape.element())?;
            Ok(ordered(merged, &live, patch, |a, b| a.get(key) == b.get(key)))
        }
    }
}

fn merge_by_key(
    mut current: Vec<Value>,
    patch: &[Value],
    key: &str,
    element: Shape<'_>,
) -> Result<Vec<Value>, PatchError> {
    if patch.iter().any(is_only_replace) {
        current.clear();
    }
    for entry in patch.iter().filter(|entry| !is_only_replace(entry)) {
        let fields = entry.as_object().ok_or_else(|| unprocessable("a list with a merge key has maps as elements"))?;
        let wanted = fields.get(key).ok_or_else(|| {
            PatchError::Malformed(format!("map: {} does not contain declared merge key: {key}", go_map(entry)))
        })?;
        let position = current.iter().position(|existing| existing.get(key) == Some(wanted));
        match (directive(fields)?, position) {
            (Some(Directive::Delete), _) => current.retain(|existing| existing.get(key) != Some(wanted)),
            (Some(Directive::Replace), Some(position)) => {
                current[position] = Value::Object(without_directives(fields));
            }
            (_, Some(position)) => {
                let existing = current[position].take();
                current[position] = merge(existing, entry, element)?;
            }
            (_, None) => current.push(merge(Value::Null, entry, element)?),
        }
    }
    Ok(current)
}

/// Orders a merged list: the patch's elements keep the patch's order and the others theirs; one of the others comes
/// before one of the patch's only if it did so in the live list.
fn ordered(merged: Vec<Value>, live: &[Value], patch: &[Value], same: impl Fn(&Value, &Value) -> bool) -> Vec<Value> {
    let place = |list: &[Value], element: &Value| list.iter().position(|other| same(other, element));
    let (mut named, others): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|element| place(patch, element).is_some());
    named.sort_by_key(|element| place(patch, element));
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    let mut all = Vec::new();
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (Some(other), Some(named)) => matches!(
                (place(live, other), place(live, named)),
                (Some(other), Some(named)) if other < named
            ),
            (Some(_), None) => true,
            (None, _) => false,
        };
        match if other_first { others.next() } else { named.next() } {
            Some(element) => all.push(element),
            None => return all,
        }
    }
}

/// A value as Go prints it.
fn go_map(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}:{}", go_map(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(go_map).collect::<Vec<_>>().join(" ")),
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

/// `{$patch: replace}` as an element: the whole list is replaced by the other elements.
fn is_only_replace(entry: &Value) -> bool {
    entry
        .as_object()
        .is_some_and(|fields| fields.len() == 1 && fields.get(DIRECTIVE).and_then(Value::as_str) == Some("replace"))
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Directive {
    Delete,
    Merge,
    Replace,
}

fn directive(fields: &Map<String, Value>) -> Result<Option<Directive>, PatchError> {
    match fields.get(DIRECTIVE) {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some("delete") => Ok(Some(Directive::Delete)),
            Some("merge") => Ok(Some(Directive::Merge)),
            Some("replace") => Ok(Some(Directive::Replace)),
            _ => {
                let (value, map) = (go_map(value), go_map(&Value::Object(fields.clone())));
                Err(PatchError::Malformed(format!("unknown patch type: {value} in map: {map}")))
            }
        },
    }
}

fn without_directives(fields: &Map<String, Value>) -> Map<String, Value> {
    let kept = fields.iter().filter(|(name, _)| !name.starts_with('$'));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn delete_scalars(list: Option<&mut Value>, deleted: &Value) {
    if let (Some(Value::Array(list)), Some(deleted)) = (list, deleted.as_array()) {
        list.retain(|value| !deleted.contains(value));
    }
}

/// Puts the elements that `order` names into that order, at the places where such elements stand.
fn set_order(list: Option<&mut Value>, order: &Value, strategy: PatchStrategy) {
    let (Some(Value::Array(list)), Some(order)) = (list, order.as_array()) else { return };
    let rank = |element: &Value| match strategy {
        PatchStrategy::MergeBy(key) => order.iter().position(|wanted| wanted.get(key) == element.get(key)),
        _ => order.iter().position(|wanted| wanted == element),
    };
    let places: Vec<usize> = (0..list.len()).filter(|&index| rank(&list[index]).is_some()).collect();
    let mut ordered: Vec<Value> = places.iter().map(|&index| list[index].clone()).collect();
    ordered.sort_by_key(|element| rank(element));
    for (place, element) in places.into_iter().zip(ordered) {
        list[place] = element;
    }
}

fn unprocessable(message: &str) -> PatchError {
    PatchError::Unprocessable(message.to_owned())
}
