//! Which documents a command means, and in which order.

use std::cmp::Ordering;

use super::{
    bson::{Bson, Document},
    commands::CommandError,
};

/// Whether a document fits all conditions of a filter.
pub(super) fn is_match(filter: &Document, document: &Document) -> Result<bool, CommandError> {
    for (name, condition) in &filter.0 {
        if name.starts_with('$') {
            return Err(CommandError::Operator(name.clone()));
        }
        if !fits(condition, document.value(name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A document of operators is a condition; anything else is the value that is wanted.
fn fits(condition: &Bson, value: Option<&Bson>) -> Result<bool, CommandError> {
    let operators = match condition {
        Bson::Document(document) if document.0.first().is_some_and(|(name, _)| name.starts_with('$')) => document,
        wanted => return Ok(is_equal(wanted, value)),
    };
    for (operator, wanted) in &operators.0 {
        let order = || value.and_then(|value| compare(value, wanted));
        let fits = match (operator.as_str(), wanted) {
            ("$eq", _) => is_equal(wanted, value),
            ("$exists", Bson::Bool(wanted)) => value.is_some() == *wanted,
            ("$gt", _) => order() == Some(Ordering::Greater),
            ("$gte", _) => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
            ("$in", Bson::Array(any)) => any.iter().any(|wanted| is_equal(wanted, value)),
            ("$lt", _) => order() == Some(Ordering::Less),
            ("$lte", _) => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
            ("$ne", _) => !is_equal(wanted, value),
            _ => return Err(CommandError::Operator(operator.clone())),
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A value that is not there equals `null`; an array has what it holds.
fn is_equal(wanted: &Bson, value: Option<&Bson>) -> bool {
    match value {
        None => *wanted == Bson::Null,
        Some(Bson::Array(values)) if !matches!(wanted, Bson::Array(_)) => {
            values.iter().any(|value| is_equal(wanted, Some(value)))
        }
        Some(value) => value == wanted || compare(value, wanted) == Some(Ordering::Equal),
    }
}

/// The order of two values of one type; numbers of any type are one.
fn compare(left: &Bson, right: &Bson) -> Option<Ordering> {
    match (left, right) {
        (Bson::Bool(left), Bson::Bool(right)) => Some(left.cmp(right)),
        (Bson::DateTime(left), Bson::DateTime(right)) => Some(left.cmp(right)),
        (Bson::ObjectId(left), Bson::ObjectId(right)) => Some(left.cmp(right)),
        (Bson::String(left), Bson::String(right)) => Some(left.cmp(right)),
        (left, right) => match (left.integer(), right.integer()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => number(left)?.partial_cmp(&number(right)?),
        },
    }
}

fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Double(number) => Some(*number),
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => Some(*number as f64),
        _ => None,
    }
}

/// Sorts documents by the fields of `by`, each 1 or -1; what cannot be compared keeps its place.
pub(super) fn sort(documents: &mut [&Document], by: &Document) -> Result<(), CommandError> {
    let mut keys = Vec::new();
    for (name, direction) in &by.0 {
        match direction.integer() {
            Some(1) => keys.push((name, false)),
            Some(-1) => keys.push((name, true)),
            _ => return Err(CommandError::BadValue(format!("the direction of `{name}` is 1 or -1"))),
        }
    }
    documents.sort_by(|left, right| {
        let orders = keys.iter().map(|(name, is_reverse)| {
            let order = match (left.value(name), right.value(name)) {
                (Some(left), Some(right)) => compare(left, right).unwrap_or_else(|| rank(left).cmp(&rank(right))),
                (left, right) => left.is_some().cmp(&right.is_some()),
            };
            if *is_reverse { order.reverse() } else { order }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
    Ok(())
}

/// The order of types among each other; a number that is none is with the numbers.
fn rank(value: &Bson) -> u8 {
    match value {
        Bson::MinKey => 0,
        Bson::Null => 1,
        Bson::Decimal128(_) | Bson::Double(_) | Bson::Int32(_) | Bson::Int64(_) => 2,
        Bson::String(_) => 3,
        Bson::Document(_) => 4,
        Bson::Array(_) => 5,
        Bson::Binary(..) => 6,
        Bson::ObjectId(_) => 7,
        Bson::Bool(_) => 8,
        Bson::DateTime(_) => 9,
        Bson::Timestamp(_) => 10,
        Bson::Regex(..) => 11,
        Bson::MaxKey => 12,
    }
}
