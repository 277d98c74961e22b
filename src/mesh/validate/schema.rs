//! The shape of objects: types, enumerations, unknown fields.

use serde_json::Value;

use super::{Mistake, Path, Remark, Report, Stages};

/// The shape of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Not looked at.
    Any,
    /// `true` or `false`.
    Bool,
    /// One of these names.
    Enum(&'static [&'static str]),
    /// A whole number from 0.
    Integer,
    /// A list of things of one shape.
    List(&'static Shape),
    /// A map of texts.
    Labels,
    /// A map from names to things of one shape.
    Map(&'static Shape),
    /// A map from ports to things of one shape.
    Ports(&'static Shape),
    /// An object with these fields.
    Object(&'static [Field]),
    /// Text.
    Text,
}

/// A field of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// Whether it has an effect here.
    pub(crate) used: bool,
}

/// A field that has an effect.
pub(super) const fn used(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, used: true }
}

/// A field that Istio knows but that has no effect here.
pub(super) const fn known(name: &'static str) -> Field {
    Field { name, shape: Shape::Any, used: false }
}

/// Compares a value with its shape.
pub(super) fn check(shape: Shape, value: &Value, path: &Path, stages: Stages, report: &mut Report) {
    if value.is_null() {
        return;
    }
    match (shape, value) {
        (Shape::Any, _) | (Shape::Bool, Value::Bool(_)) | (Shape::Text, Value::String(_)) => {}
        (Shape::Enum(names), Value::String(text)) => enumeration(names, text, path, stages, report),
        (Shape::Integer, Value::Number(number)) if number.is_u64() => {}
        (Shape::Labels, Value::Object(entries)) => {
            for (key, value) in entries {
                check(Shape::Text, value, &path.key(key), stages, report);
            }
        }
        (Shape::List(shape), Value::Array(values)) => {
            for (position, value) in values.iter().enumerate() {
                check(*shape, value, &path.index(position), stages, report);
            }
        }
        (Shape::Object(fields), Value::Object(entries)) => object(fields, entries, path, stages, report),
        (Shape::Map(shape) | Shape::Ports(shape), Value::Object(entries)) => {
            for (key, value) in entries {
                check(*shape, value, &path.key(key), stages, report);
            }
        }
        (shape, value) => {
            let message = format!("must be {}, not {}", describe(shape), describe_value(value));
            report.refuse(Mistake::BadType, stages, path, message);
        }
    }
}

fn object(
    fields: &'static [Field],
    entries: &serde_json::Map<String, Value>,
    path: &Path,
    stages: Stages,
    report: &mut Report,
) {
    for (name, value) in entries {
        let path = path.key(name);
        match fields.iter().find(|field| field.name == name) {
            Some(field) if field.used => check(field.shape, value, &path, stages, report),
            Some(_) => report
                .without_effect
                .push(Remark { field: path, message: format!("labctl knows `{name}`, but it has no effect here") }),
            None => {
                let hint = nearest(name, fields.iter().map(|field| field.name));
                let hint = hint.map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
                report.refuse(Mistake::UnknownField, stages, &path, format!("unknown field `{name}`{hint}"));
            }
        }
    }
}

fn enumeration(names: &[&'static str], text: &str, path: &Path, stages: Stages, report: &mut Report) {
    if names.contains(&text) {
        return;
    }
    let field = match path.0.last() {
        Some(super::Segment::Key(key)) => key.as_str(),
        _ => "value",
    };
    let message = format!("`{text}` is not a {field}; it must be one of {}", names.join(", "));
    report.refuse(Mistake::BadEnum, stages, path, message);
}

/// The name nearest to what was written, if it is near enough to be meant.
fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let rated = names.map(|name| (strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase()), name));
    rated.filter(|(distance, name)| *distance <= name.len() / 3).min().map(|(_, name)| name)
}

fn describe(shape: Shape) -> &'static str {
    match shape {
        Shape::Any => "anything",
        Shape::Bool => "true or false",
        Shape::Enum(_) | Shape::Text => "a text",
        Shape::Integer => "a whole number",
        Shape::Labels => "a map of texts",
        Shape::List(_) => "a list",
        Shape::Map(_) | Shape::Object(_) => "an object",
        Shape::Ports(_) => "a map with ports as keys",
    }
}

fn describe_value(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("the text `{text}`"),
        other => format!("`{other}`"),
    }
}
