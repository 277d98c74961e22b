//! Validation against a schema, with the wording of kube-openapi and apiextensions.

mod format;

use serde_json::{Map, Value};

use super::{Schema, child};
use crate::embedded::objects::field_error::{FieldError, Kind};

impl Schema {
    /// Everything that is wrong with the custom resource `object`; nothing if it is valid.
    pub fn validate(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        validate(self, object, "", &mut errors);
        errors
    }

    fn accepts(&self, value: &Value, path: &str) -> bool {
        let mut errors = Vec::new();
        validate(self, value, path, &mut errors);
        errors.is_empty()
    }
}

fn validate(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if value.is_null() && schema.nullable {
        return;
    }
    check_type(schema, value, path, errors);
    check_enum(schema, value, path, errors);
    match value {
        Value::Array(elements) => check_list(schema, elements, path, errors),
        Value::Number(_) => check_number(schema, value, path, errors),
        Value::Object(fields) => check_map(schema, fields, path, errors),
        Value::String(text) => check_text(schema, text, path, errors),
        Value::Bool(_) | Value::Null => {}
    }
    check_combinations(schema, value, path, errors);
}

fn check_type(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let found = type_of(value);
    if schema.int_or_string {
        if !matches!(found, "integer" | "string") {
            push_type_error("integer,string", found, path, errors);
        }
        return;
    }
    let Some(wanted) = schema.type_name.as_deref().filter(|wanted| !wanted.is_empty()) else { return };
    if wanted != found && !(wanted == "number" && found == "integer") {
        push_type_error(wanted, found, path, errors);
    }
}

fn push_type_error(wanted: &str, found: &str, path: &str, errors: &mut Vec<FieldError>) {
    let detail = format!("{path} in body must be of type {wanted}: \"{found}\"");
    errors.push(FieldError::new(Kind::TypeInvalid, path, found, detail));
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "array",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
        // As in JSON schema, 1.0 is an integer.
        Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|n| n.fract() != 0.0) => "number",
        Value::Number(_) => "integer",
        Value::Object(_) => "object",
        Value::String(_) => "string",
    }
}

fn check_enum(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(allowed) = &schema.one_of_values else { return };
    if allowed.contains(value) {
        return;
    }
    let texts: Vec<String> =
        allowed.iter().map(|allowed| allowed.as_str().map_or_else(|| allowed.to_string(), str::to_owned)).collect();
    errors.push(FieldError::not_supported(path, value.clone(), texts.iter().map(String::as_str)));
}

/// Adds `Invalid value: <value>: <path> in body <rule>` unless the rule holds.
fn require(holds: bool, value: &Value, path: &str, rule: impl FnOnce() -> String, errors: &mut Vec<FieldError>) {
    if !holds {
        errors.push(FieldError::invalid(path, value.clone(), format!("{path} in body {}", rule())));
    }
}

fn check_number(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let Some(number) = value.as_f64() else { return };
    if let Some(least) = schema.minimum {
        let (holds, words) = match schema.exclusive_minimum {
            true => (number > least, "greater than"),
            false => (number >= least, "greater than or equal to"),
        };
        require(holds, value, path, || format!("should be {words} {least}"), errors);
    }
    if let Some(most) = schema.maximum {
        let (holds, words) = match schema.exclusive_maximum {
            true => (number < most, "less than"),
            false => (number <= most, "less than or equal to"),
        };
        require(holds, value, path, || format!("should be {words} {most}"), errors);
    }
    if let Some(factor) = schema.multiple_of {
        let quotient = number / factor;
        require(quotient.fract() == 0.0, value, path, || format!("should be a multiple of {factor}"), errors);
    }
}

fn check_text(schema: &Schema, text: &str, path: &str, errors: &mut Vec<FieldError>) {
    let value = Value::from(text);
    let length = text.chars().count() as u64;
    if let Some(most) = schema.max_length.filter(|most| length > *most) {
        errors.push(FieldError::new(Kind::TooLong, path, text, format!("may not be more than {most} bytes")));
    }
    // Of these rules, the first that is broken is enough.
    let too_long = schema.max_length.is_some_and(|most| length > most);
    if let Some(least) = schema.min_length.filter(|least| length < *least && !too_long) {
        require(false, &value, path, || format!("should be at least {least} chars long"), errors);
    } else if let Some(pattern) = schema.regex().filter(|_| !too_long) {
        require(pattern.is_match(text), &value, path, || format!("should match '{}'", pattern.as_str()), errors);
    }
    if let Some(format) = schema.format.as_deref()
        && !format::text_fits(format, text)
    {
        let detail = format!("{path} in body must be of type {format}: \"{text}\"");
        errors.push(FieldError::invalid(path, text, detail));
    }
}

fn check_list(schema: &Schema, elements: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let length = elements.len() as u64;
    if let Some(most) = schema.max_items.filter(|most| length > *most) {
        errors.push(FieldError::new(Kind::TooMany, path, length, format!("must have at most {most} items")));
    }
    if let Some(least) = schema.min_items {
        require(length >= least, &Value::from(length), path, || format!("should have at least {least} items"), errors);
    }
    if let Some(items) = schema.items() {
        for (index, element) in elements.iter().enumerate() {
            validate(items, element, &format!("{path}[{index}]"), errors);
        }
    }
    check_unique(schema, elements, path, errors);
}

/// Elements of a set are unique, and so are the keys of a keyed list.
fn check_unique(schema: &Schema, elements: &[Value], path: &str, errors: &mut Vec<FieldError>) {
    let identity = |element: &Value| match schema.list_type.as_deref() {
        Some("set") => Some(element.clone()),
        Some("map") => {
            let key = |name: &String| {
                let default = || schema.items()?.properties.get(name)?.default.clone();
                Some((name.clone(), element.get(name).cloned().or_else(default)?))
            };
            Some(Value::Object(schema.list_map_keys.iter().filter_map(key).collect()))
        }
        _ => None,
    };
    let mut seen = Vec::with_capacity(elements.len());
    for (index, element) in elements.iter().enumerate() {
        let Some(identity) = identity(element) else { return };
        if seen.contains(&identity) {
            errors.push(FieldError::duplicate(format!("{path}[{index}]"), identity));
        } else {
            seen.push(identity);
        }
    }
}

fn check_map(schema: &Schema, fields: &Map<String, Value>, path: &str, errors: &mut Vec<FieldError>) {
    let count = fields.len() as u64;
    if let Some(most) = schema.max_properties.filter(|most| count > *most) {
        errors.push(FieldError::new(Kind::TooMany, path, count, format!("must have at most {most} items")));
    }
    if let Some(least) = schema.min_properties {
        let rule = || format!("should have at least {least} properties");
        require(count >= least, &Value::from(count), path, rule, errors);
    }
    for name in schema.required.iter().filter(|name| !fields.contains_key(*name)) {
        errors.push(FieldError::required(child(path, name), ""));
    }
    for (name, value) in fields {
        if let Some(known) = schema.field(name) {
            validate(known, value, &child(path, name), errors);
        }
    }
}

fn check_combinations(schema: &Schema, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let fail = |rule: &str| FieldError::invalid("", "", format!("\"{path}\" must {rule}"));
    if !schema.any_of.is_empty() && !schema.any_of.iter().any(|branch| branch.accepts(value, path)) {
        errors.push(fail("validate at least one schema (anyOf)"));
        errors.extend(nearest(&schema.any_of, value, path));
    }
    if !schema.one_of.is_empty() {
        match schema.one_of.iter().filter(|branch| branch.accepts(value, path)).count() {
            0 => {
                errors.push(fail("validate one and only one schema (oneOf). Found none valid"));
                errors.extend(nearest(&schema.one_of, value, path));
            }
            1 => {}
            valid => {
                errors
                    .push(fail(&format!("validate one and only one schema (oneOf). Found {valid} valid alternatives")));
            }
        }
    }
    if schema.not.as_ref().is_some_and(|branch| branch.accepts(value, path)) {
        errors.push(fail("not validate the schema (not)"));
    }
    let before = errors.len();
    for branch in &schema.all_of {
        validate(branch, value, path, errors);
    }
    if errors.len() > before {
        errors.push(FieldError::invalid("", "", format!("\"{path}\" must validate all the schemas (allOf)")));
    }
}

/// What is wrong in the eyes of the branch that the value nearly fits.
fn nearest(branches: &[Schema], value: &Value, path: &str) -> Vec<FieldError> {
    let complaints = branches.iter().map(|branch| {
        let mut errors = Vec::new();
        validate(branch, value, path, &mut errors);
        errors
    });
    complaints.min_by_key(Vec::len).unwrap_or_default()
}
