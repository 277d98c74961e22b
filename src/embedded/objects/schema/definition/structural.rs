//! What makes a schema structural: every place says its type, keyed lists say their keys, branches add no structure.

use serde_json::Value;

use super::{super::Schema, text};
use crate::embedded::objects::field_error::{FieldError, Kind};

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// Keywords of JSON schema that Kubernetes leaves out.
const UNSUPPORTED: [&str; 6] = ["$ref", "additionalItems", "definitions", "dependencies", "id", "patternProperties"];

/// Complains about a schema as its author wrote it.
pub(super) fn check(schema: &Value, path: &str, is_root: bool, errors: &mut Vec<FieldError>) {
    check_type(schema, path, is_root, errors);
    check_keywords(schema, path, errors);
    check_list(schema, path, errors);
    check_extensions(schema, path, errors);
    let short = is_set(schema, "x-kubernetes-int-or-string");
    for (key, branch) in branches(schema, path).into_iter().filter(|(_, branch)| !(short && spells_out(branch))) {
        check_branch(branch, &key, errors);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.properties[{name}]");
        if is_root && name == "metadata" {
            check_metadata(property, &path, errors);
        } else if !(is_root && matches!(name.as_str(), "apiVersion" | "kind") && property["type"].is_null()) {
            check(property, &path, false, errors);
        }
    }
    if schema["items"].is_object() {
        check(&schema["items"], &format!("{path}.items"), false, errors);
    }
    if schema["additionalProperties"].is_object() {
        check(&schema["additionalProperties"], &format!("{path}.additionalProperties"), false, errors);
    }
}

/// Complains about patterns and defaults, which take a schema that is understood.
pub(super) fn check_values(schema: &Schema, path: &str, errors: &mut Vec<FieldError>) {
    if let (Some(pattern), None) = (&schema.pattern, schema.regex()) {
        let detail = format!("must be a valid regular expression, but isn't: {pattern}");
        errors.push(FieldError::invalid(format!("{path}.pattern"), pattern.clone(), detail));
    }
    if let Some(default) = &schema.default {
        for error in schema.validate(default) {
            let field = format!("{path}.default{}{}", if error.field.is_empty() { "" } else { "." }, error.field);
            errors.push(FieldError { kind: Kind::Invalid, field, ..error });
        }
    }
    for (name, property) in &schema.properties {
        check_values(property, &format!("{path}.properties[{name}]"), errors);
    }
    if let Some(items) = schema.items() {
        check_values(items, &format!("{path}.items"), errors);
    }
    if let Some(values) = schema.values() {
        check_values(values, &format!("{path}.additionalProperties"), errors);
    }
}

fn is_set(schema: &Value, keyword: &str) -> bool {
    schema[keyword] == true
}

fn check_type(schema: &Value, path: &str, is_root: bool, errors: &mut Vec<FieldError>) {
    let free = is_set(schema, "x-kubernetes-int-or-string") || is_set(schema, "x-kubernetes-preserve-unknown-fields");
    match text(schema, "/type") {
        "" if is_root || free => {}
        "" => {
            errors.push(FieldError::required(format!("{path}.type"), "must not be empty for specified object fields"));
        }
        name if TYPES.contains(&name) => {}
        name => errors.push(FieldError::not_supported(format!("{path}.type"), name, TYPES)),
    }
}

fn check_keywords(schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for keyword in UNSUPPORTED.into_iter().filter(|keyword| !schema[*keyword].is_null()) {
        errors.push(FieldError::forbidden(format!("{path}.{keyword}"), format!("{keyword} is not supported")));
    }
    if is_set(schema, "uniqueItems") {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(FieldError::forbidden(format!("{path}.uniqueItems"), detail));
    }
    let more = &schema["additionalProperties"];
    let detail = match (more, schema["properties"].as_object().is_some_and(|fields| !fields.is_empty())) {
        (Value::Null | Value::Bool(true), _) => None,
        (Value::Bool(false), _) => Some("additionalProperties cannot be set to false"),
        (_, true) => Some("additionalProperties and properties are mutual exclusive"),
        (_, false) => None,
    };
    errors.extend(detail.map(|detail| FieldError::forbidden(format!("{path}.additionalProperties"), detail)));
}

fn check_list(schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let (found, items) = (text(schema, "/type"), &schema["items"]);
    if found == "array" && items.is_null() {
        errors.push(FieldError::required(format!("{path}.items"), "must be specified"));
    }
    let list_type = text(schema, "/x-kubernetes-list-type");
    if list_type.is_empty() {
        return;
    }
    if found != "array" {
        let detail = "must be array if x-kubernetes-list-type is specified";
        errors.push(FieldError::invalid(format!("{path}.type"), found, detail));
    }
    if !matches!(list_type, "atomic" | "map" | "set") {
        let known = ["atomic", "set", "map"];
        errors.push(FieldError::not_supported(format!("{path}.x-kubernetes-list-type"), list_type, known));
    }
    if list_type == "map" {
        check_keys(schema, path, errors);
        if !items.is_null() && text(items, "/type") != "object" {
            let detail = "must be object if parent array's x-kubernetes-list-type is map";
            errors.push(FieldError::invalid(format!("{path}.items.type"), text(items, "/type"), detail));
        }
    }
}

/// The keys of a keyed list are properties of its items that are always there.
fn check_keys(schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let at = format!("{path}.x-kubernetes-list-map-keys");
    let keys = &schema["x-kubernetes-list-map-keys"];
    let names: Vec<&str> = keys.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (properties, required) = (&schema["items"]["properties"], schema["items"]["required"].as_array());
    if names.is_empty() {
        errors.push(FieldError::required(at, "must not be empty if x-kubernetes-list-type is map"));
    } else if properties.is_object() && names.iter().any(|name| properties[*name].is_null()) {
        errors.push(FieldError::invalid(at, keys.clone(), "entries must all be names of item properties"));
    }
    for name in names.into_iter().filter(|name| properties[*name].is_object()) {
        let always = required.is_some_and(|required| required.iter().any(|field| field == name));
        if !always && properties[name]["default"].is_null() {
            let detail =
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            errors.push(FieldError::required(format!("{path}.items.properties[{name}].default"), detail));
        }
    }
}

fn check_extensions(schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == false {
        let at = format!("{path}.x-kubernetes-preserve-unknown-fields");
        errors.push(FieldError::invalid(at, false, "must be true or undefined"));
    }
    let map_type = text(schema, "/x-kubernetes-map-type");
    if !matches!(map_type, "" | "atomic" | "granular") {
        let known = ["atomic", "granular"];
        errors.push(FieldError::not_supported(format!("{path}.x-kubernetes-map-type"), map_type, known));
    }
    let lacks_structure = schema["properties"].is_null() && !is_set(schema, "x-kubernetes-preserve-unknown-fields");
    if is_set(schema, "x-kubernetes-embedded-resource") && lacks_structure {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                      x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(format!("{path}.properties"), detail));
    }
}

/// The schemas that only judge values, with their paths.
fn branches<'a>(schema: &'a Value, path: &str) -> Vec<(String, &'a Value)> {
    let mut found = Vec::new();
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let list = schema[keyword].as_array().into_iter().flatten().enumerate();
        found.extend(list.map(|(index, branch)| (format!("{path}.{keyword}[{index}]"), branch)));
    }
    if schema["not"].is_object() {
        found.push((format!("{path}.not"), &schema["not"]));
    }
    found
}

/// A branch says nothing about structure.
fn check_branch(branch: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for keyword in ["title", "description", "type"] {
        if !text(branch, &format!("/{keyword}")).is_empty() {
            let detail = "must be empty to be structural";
            errors.push(FieldError::forbidden(format!("{path}.{keyword}"), detail));
        }
    }
    if !branch["default"].is_null() {
        errors.push(FieldError::forbidden(format!("{path}.default"), "must be undefined to be structural"));
    }
    if is_set(branch, "nullable") {
        errors.push(FieldError::forbidden(format!("{path}.nullable"), "must be false to be structural"));
    }
    for (name, property) in branch["properties"].as_object().into_iter().flatten() {
        check_branch(property, &format!("{path}.properties[{name}]"), errors);
    }
    if branch["items"].is_object() {
        check_branch(&branch["items"], &format!("{path}.items"), errors);
    }
    for (path, inner) in branches(branch, path) {
        check_branch(inner, &path, errors);
    }
}

/// Whether a branch says what `x-kubernetes-int-or-string` is short for.
fn spells_out(branch: &Value) -> bool {
    let of = |branch: &Value| {
        let fields = branch.as_object().map_or(0, serde_json::Map::len);
        fields == 1 && matches!(text(branch, "/type"), "integer" | "string")
    };
    of(branch) || branch["anyOf"].as_array().is_some_and(|list| !list.is_empty() && list.iter().all(of))
}

/// The metadata is given; only its name may be restricted.
fn check_metadata(schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let plain = schema.as_object().into_iter().flatten().all(|(keyword, value)| match keyword.as_str() {
        "type" | "description" => true,
        "properties" => {
            value.as_object().into_iter().flatten().all(|(name, _)| matches!(name.as_str(), "name" | "generateName"))
        }
        _ => false,
    });
    if !plain {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(FieldError::forbidden(path, detail));
    }
}
