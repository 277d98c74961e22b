//! The guide for programs, such as a book or an editor. Versioned: fields are added, never changed.

use serde_json::{Value, json};

use super::{Unfold, solution};
use crate::lab::{
    check::{Check, Matrix},
    model::{Lab, Step},
};

/// The lab with these steps.
pub(super) fn document(lab: &Lab, steps: &[(usize, &Step)], unfold: Unfold) -> String {
    let parameters = lab.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name.value,
            "description": parameter.description,
            "default": parameter.default,
            "pattern": parameter.pattern,
            "value": parameter.value,
        })
    });
    let document = json!({
        "version": 1,
        "name": lab.metadata.name,
        "title": lab.metadata.title,
        "summary": lab.metadata.summary,
        "minutes": lab.metadata.minutes,
        "points": lab.points(),
        "parameters": parameters.collect::<Vec<_>>(),
        "steps": steps.iter().map(|&(_, each)| step(lab, each, unfold)).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

/// Hints without their text, and no solution, unless they were asked for.
fn step(lab: &Lab, step: &Step, unfold: Unfold) -> Value {
    let hints = step.hints.iter().map(|hint| {
        let text = unfold.hints.then_some(&hint.text.value);
        json!({ "cost": hint.cost.value, "text": text })
    });
    let solution =
        unfold.solution.then(|| step.solve.iter().map(|action| solution::commands(lab, action)).collect::<Vec<_>>());
    json!({
        "name": step.name.value,
        "title": step.title,
        "text": step.text.value,
        "points": step.points,
        "expect": step.expect.iter().map(|each| check(each)).collect::<Vec<_>>(),
        "hints": hints.collect::<Vec<_>>(),
        "solution": solution,
    })
}

fn check(check: &Check) -> Value {
    let mut value = json!({ "kind": check.kind(), "title": check.title() });
    if let Check::Matrix(matrix) = check {
        value["matrix"] = grid(matrix);
    }
    value
}

fn grid(matrix: &Matrix) -> Value {
    let rows = matrix.rows.iter().map(|row| {
        let cells = row.cells.iter().zip(&matrix.to).map(|(cell, to)| (to.value.to_string(), json!(cell.value)));
        (row.from.value.to_string(), Value::Object(cells.collect()))
    });
    json!({ "path": matrix.path, "cells": rows.collect::<serde_json::Map<_, _>>() })
}
