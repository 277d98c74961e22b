//! The mesh's resources, and which of their fields have an effect.

use std::fmt::Write as _;

use crate::mesh::{
    resources::Kind,
    validate::{Shape, fields},
};

// Writing to a `String` cannot fail, so what `write!` answers is dropped throughout.

/// All kinds, each under a heading of its own.
pub(super) fn resources() -> String {
    let mut out = String::new();
    for kind in Kind::ALL {
        let place = if kind.namespaced() { "in a namespace" } else { "for the whole cluster" };
        let _ = writeln!(out, "## {kind}\n\n`{}`, {place}.\n", kind.group());
        out += "| field of `spec` | value |\n|---|---|\n";
        let mut without = Vec::new();
        object(&mut out, &mut without, "", fields(kind));
        if !without.is_empty() {
            let names: Vec<String> = without.iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(out, "\nAccepted with a warning, without an effect: {}.", names.join(", "));
        }
        out.push('\n');
    }
    out
}

/// A row for each field that has an effect, with those below it; the others are collected.
fn object(out: &mut String, without: &mut Vec<String>, above: &str, shape: Shape) {
    let Shape::Object(fields) = shape else { return };
    for field in fields {
        let name = format!("{above}{}", field.name);
        if field.used {
            value(out, without, &name, field.shape);
        } else {
            without.push(name);
        }
    }
}

fn value(out: &mut String, without: &mut Vec<String>, name: &str, shape: Shape) {
    match shape {
        Shape::List(inner) if matches!(inner, Shape::Object(_)) => object(out, without, &format!("{name}[]."), *inner),
        Shape::Map(inner) | Shape::Ports(inner) if matches!(inner, Shape::Object(_)) => {
            let key = if matches!(shape, Shape::Ports(_)) { "<port>" } else { "<name>" };
            object(out, without, &format!("{name}.{key}."), *inner);
        }
        Shape::Object(_) => object(out, without, &format!("{name}."), shape),
        other => {
            let _ = writeln!(out, "| `{name}` | {} |", words(other));
        }
    }
}

fn words(shape: Shape) -> String {
    match shape {
        Shape::Any | Shape::Object(_) => "any value".to_owned(),
        Shape::Bool => "`true` or `false`".to_owned(),
        Shape::Enum(names) => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        Shape::Integer => "a whole number".to_owned(),
        Shape::Labels => "labels: names and values".to_owned(),
        Shape::List(inner) => format!("a list: {}", words(*inner)),
        Shape::Map(inner) => format!("by name: {}", words(*inner)),
        Shape::Ports(inner) => format!("by port: {}", words(*inner)),
        Shape::Text => "a text".to_owned(),
    }
}
