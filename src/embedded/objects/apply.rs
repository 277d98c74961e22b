//! Server-side apply: who owns which field, and what follows from it.
//!
//! The algorithm is that of `sigs.k8s.io/structured-merge-diff`; versions of a resource share their field paths.
//! An object's managers are kept in `metadata.managedFields`, as sets of fields (`FieldsV1`).

mod compare;
mod field_set;
mod managed;
mod merge;

use std::fmt;

use serde_json::{Map, Value, json};

pub use field_set::FieldSet;

use super::shape::Shape;
use compare::compare;
use managed::{Managed, Operation};

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The field manager: the request's `fieldManager`, else the first part of its user agent.
    pub manager: &'a str,
    /// The subresource written to (`status`), or nothing.
    pub subresource: &'a str,
    /// The API version of the request (`apps/v1`).
    pub api_version: &'a str,
    /// Now (RFC 3339, seconds, `Z`).
    pub time: &'a str,
}

/// Why an apply was refused.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Others own fields with other values; answered with 409, reason `Conflict`.
    #[error("{}", conflict_message(.0))]
    Conflict(Vec<Conflict>),
    /// Fields that the kind does not have.
    #[error("failed to create typed patch object: {}", unknown_message(.0))]
    Unknown(Vec<String>),
    /// A list with keys has an element without them, or two with the same.
    #[error("failed to create typed patch object: {0}")]
    List(String),
    /// The configuration must not say who owns what; answered with 400.
    #[error("metadata.managedFields must be nil")]
    ManagedFields,
}

/// One field that somebody else owns with another value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Conflict {
    /// The owner, as messages name it: `"kubectl" using v1`.
    pub owner: String,
    /// The field's path: `.spec.replicas`, `.spec.containers[name="web"].image`.
    pub field: String,
}

impl Conflict {
    /// The conflict as an entry of `Status.details.causes`.
    pub fn cause(&self) -> Value {
        json!({
            "reason": "FieldManagerConflict",
            "message": format!("conflict with {}", self.owner),
            "field": self.field,
        })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conflict with {}: {}", self.owner, self.field)
    }
}

fn unknown_message(fields: &[String]) -> String {
    let shown: Vec<String> = fields.iter().map(|field| format!(".{field}: field not declared in schema")).collect();
    match shown.as_slice() {
        [only] => only.clone(),
        _ => format!("errors:\n  {}", shown.join("\n  ")),
    }
}

fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [only] = conflicts {
        return format!("Apply failed with 1 conflict: {only}");
    }
    let mut owners: Vec<&str> = conflicts.iter().map(|conflict| conflict.owner.as_str()).collect();
    owners.sort_unstable();
    owners.dedup();
    let mut lines = Vec::new();
    for owner in owners {
        lines.push(format!("conflicts with {owner}:"));
        let fields = conflicts.iter().filter(|conflict| conflict.owner == owner);
        lines.extend(fields.map(|conflict| format!("- {}", conflict.field)));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// Applies the configuration `config` of a manager to the object `live`; `force` takes over what others own.
///
/// The answer is the whole new object with its `managedFields`; it equals `live` if nothing changed at all.
/// Defaults must be filled in afterwards: a default belongs to nobody. `metadata.uid` and `metadata.resourceVersion` of
/// `config` are preconditions for the caller to check; they are not merged. With the subresource `status` only the
/// status is applied, without it the status is left alone.
///
/// # Errors
/// `Conflict` lists all fields that others own with other values; `List` and `ManagedFields` blame `config`.
pub fn apply(
    live: Option<&Value>,
    config: &Value,
    writer: Writer<'_>,
    force: bool,
    shape: Shape<'_>,
) -> Result<Value, ApplyError> {
    if config
        .pointer("/metadata/managedFields")
        .is_some_and(|fields| fields.as_array().is_none_or(|list| !list.is_empty()))
    {
        return Err(ApplyError::ManagedFields);
    }
    merge::check_lists(config, shape, "").map_err(ApplyError::List)?;
    let mut config = appliable(config, writer.subresource);
    if shape.is_built_in() {
        drop_nulls(&mut config);
    }
    let base = live.cloned().map_or_else(|| identity(&config), without_managed_fields);
    let mut managed = live.map(Managed::of).unwrap_or_default();
    if live.is_some() && managed.is_empty() {
        // Whoever made the object did so before anybody kept books: those fields have an owner all the same.
        let before = Writer { manager: "before-first-apply", subresource: "", ..writer };
        managed.record(&stripped(FieldSet::of(&base, shape)), Operation::Update, before);
    }
    let books = managed.clone();

    let applied = stripped(FieldSet::of(&config, shape));
    let last = managed.replace_applied(&applied, writer);
    let mut merged = merge::merge(&base, &config, shape);
    if let Some(last) = last {
        merge::prune(&mut merged, &last, &managed.union(), shape);
    }
    let difference = compare(Some(&base), Some(&merged), shape);
    let taken = stripped(difference.modified.union(&difference.added));
    let conflicts = managed.conflicts(&taken, writer);
    if !force && !conflicts.is_empty() {
        return Err(ApplyError::Conflict(conflicts));
    }
    managed.take_from_others(&taken, writer);
    managed.remove(&difference.removed);
    if let Some(live) = live
        && merged == base
        && managed.same_fields(&books)
    {
        return Ok(live.clone());
    }
    managed.touch_applied(writer);
    managed.write_to(&mut merged);
    Ok(merged)
}

/// Writes down, in `new`, who changed what between `live` (none: the object is being created) and `new`.
///
/// To be called for create, update and patch, after defaulting and after everything that a writer must not change has
/// been put back. A writer may reset the books with `managedFields: [{}]`; through a subresource it cannot touch them.
pub fn record_update(live: Option<&Value>, new: &mut Value, writer: Writer<'_>, shape: Shape<'_>) {
    let mut managed = if is_reset(new) && writer.subresource.is_empty() {
        Managed::default()
    } else {
        let own = if writer.subresource.is_empty() { Managed::of(new) } else { Managed::default() };
        if own.is_empty() { live.map(Managed::of).unwrap_or_default() } else { own }
    };
    let base = live.cloned().map_or_else(|| identity(new), without_managed_fields);
    // Nobody keeps books on an object whose books were burnt, until somebody applies to it.
    if live.is_some() && managed.is_empty() {
        return managed.write_to(new);
    }
    let plain = without_managed_fields(new.clone());
    let difference = compare(Some(&base), Some(&plain), shape);
    let taken = stripped(difference.modified.union(&difference.added));
    managed.take_from_all(&taken);
    managed.remove(&difference.removed);
    if !taken.is_empty() {
        managed.record(&taken, Operation::Update, writer);
    }
    managed.write_to(new);
}

/// `managedFields: [{}]` asks to forget all managers.
fn is_reset(object: &Value) -> bool {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.is_some_and(|entries| matches!(entries.as_slice(), [Value::Object(entry)] if entry.is_empty()))
}

/// The part of a configuration that can be applied through `subresource`.
fn appliable(config: &Value, subresource: &str) -> Value {
    let mut config = config.clone();
    let Value::Object(fields) = &mut config else { return config };
    if subresource.is_empty() {
        fields.remove("status");
    } else {
        fields.retain(|name, _| matches!(name.as_str(), "apiVersion" | "kind" | "metadata" | "status"));
    }
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        let keep_names_only = !subresource.is_empty();
        metadata.retain(|name, _| match name.as_str() {
            "name" | "namespace" => true,
            "creationTimestamp" | "generation" | "managedFields" | "resourceVersion" | "selfLink" | "uid" => false,
            _ => !keep_names_only,
        });
    }
    config
}

/// A null in a built-in kind says nothing: its Go type cannot tell it from an absent field.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The empty object of a kind, against which the first version is compared.
fn identity(object: &Value) -> Value {
    let mut fields = Map::new();
    for name in ["apiVersion", "kind"] {
        if let Some(value) = object.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    fields.insert("metadata".to_owned(), Value::Object(Map::new()));
    Value::Object(fields)
}

fn without_managed_fields(mut object: Value) -> Value {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    object
}

/// Leaves out what nobody owns: the object's identity and what the server maintains.
fn stripped(set: FieldSet) -> FieldSet {
    set.without_server_fields()
}
