//! Compares answers with what a case expects.

use serde_json::{Map, Value};

use super::{
    query::plain,
    world::{scalar, texts},
};
use crate::mesh::validate::{Report, Violation};

/// The answer to a question.
pub(super) enum Answer {
    /// Several facts; only those that are expected are compared.
    Fields(Map<String, Value>),
    /// Whether a probe of the kubelet is answered.
    Probed(bool),
    /// Per endpoint: what the client sees, and what the server application is told of it.
    Reached(Vec<(String, Value)>),
    /// What there is to say about a resource.
    Validated(Report),
    /// One word.
    Words(Vec<String>),
}

impl Answer {
    /// Compares with what the question expects; answers what was got instead.
    pub(super) fn compare(&self, query: &Value) -> Result<(), String> {
        let expect = query.get("expect").ok_or("the question expects nothing")?;
        match self {
            Self::Fields(got) => compare_fields(got, expect),
            Self::Probed(answered) => compare_probe(*answered, expect),
            Self::Reached(endpoints) => compare_reach(endpoints, expect, query.get("xfcc")),
            Self::Validated(report) => compare_report(report, expect),
            Self::Words(words) => {
                let right = words.iter().all(|word| accepts(expect, word));
                right.then_some(()).ok_or_else(|| words.join(" or "))
            }
        }
    }
}

/// Whether a word is the expected one, or one of them. Nothing is expected as `null`, `none` or `-`.
fn accepts(expect: &Value, word: &str) -> bool {
    match expect {
        Value::Array(options) => options.iter().any(|option| accepts(option, word)),
        Value::Null => word == "none",
        other => {
            scalar(other).is_some_and(|text| text == word || (word == "none" && matches!(text.as_str(), "NONE" | "-")))
        }
    }
}

fn compare_fields(got: &Map<String, Value>, expect: &Value) -> Result<(), String> {
    let Some(wanted) = expect.as_object() else {
        // A lone word is the mode.
        let mode = got.get("mode").or_else(|| got.get("status")).map(plain).unwrap_or_default();
        return if accepts(expect, &mode) { Ok(()) } else { Err(mode) };
    };
    let differing: Vec<String> = wanted
        .iter()
        .filter_map(|(name, wanted)| match got.get(name) {
            None => Some(format!("{name}: not known here")),
            Some(value) if same(value, wanted) => None,
            Some(value) => Some(format!("{name}: {}", plain(value))),
        })
        .collect();
    if differing.is_empty() { Ok(()) } else { Err(differing.join(", ")) }
}

/// Whether two values say the same: lists in any order, scalars however they are written, absent as empty.
fn same(got: &Value, wanted: &Value) -> bool {
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    if empty(got) && empty(wanted) {
        return true;
    }
    if got.is_array() || wanted.is_array() {
        let sorted = |value: &Value| {
            let mut texts = texts(value);
            texts.sort();
            texts
        };
        return !got.is_null() && !wanted.is_null() && sorted(got) == sorted(wanted);
    }
    scalar(got) == scalar(wanted)
}

fn compare_reach(endpoints: &[(String, Value)], expect: &Value, forwarded: Option<&Value>) -> Result<(), String> {
    let right = |(word, got): &&(String, Value)| {
        let told = forwarded.is_none_or(|wanted| match wanted.as_object() {
            None => got.is_null(),
            Some(wanted) => wanted
                .iter()
                .filter(|(name, _)| matches!(name.as_str(), "by" | "uri"))
                .all(|(name, wanted)| got.get(name).is_some_and(|got| same(got, wanted))),
        });
        accepts(expect, word) && told
    };
    match endpoints.iter().find(|endpoint| !right(endpoint)) {
        None => Ok(()),
        Some((word, got)) if forwarded.is_some() => Err(format!("{word} xfcc={}", plain(got))),
        Some((word, _)) => Err(word.clone()),
    }
}

fn compare_probe(answered: bool, expect: &Value) -> Result<(), String> {
    let word = |text: &str| match text.to_ascii_lowercase().as_str() {
        "answered" | "healthy" | "ok" | "ok_plaintext" | "pass" | "passes" | "ready" | "success" | "succeeds"
        | "true" | "works" | "200" | "http_200" => Some(true),
        "closed" | "error" | "fail" | "failed" | "failing" | "fails" | "failure" | "false" | "refused" | "reset"
        | "unhealthy" | "unready" | "not_ready" => Some(false),
        _ => None,
    };
    let single = expect.as_object().and_then(|fields| {
        ["result", "status", "ok", "outcome", "healthy", "ready", "success"].iter().find_map(|name| fields.get(*name))
    });
    let options = texts(single.unwrap_or(expect));
    let right = options.iter().any(|option| word(option) == Some(answered));
    let got = if answered { "ok" } else { "reset" };
    right.then_some(()).ok_or_else(|| got.to_owned())
}

fn compare_report(report: &Report, expect: &Value) -> Result<(), String> {
    let got = || match report.violations.is_empty() {
        true => format!("accepted{}", if report.warnings.is_empty() { "" } else { " with a warning" }),
        false => {
            let one =
                |violation: &Violation| format!("refused by {}: {violation}", violation.stages.names().join(" and "));
            report.violations.iter().map(one).collect::<Vec<_>>().join("; ")
        }
    };
    let accepted = match expect {
        Value::Object(fields) => fields.get("accepted").and_then(Value::as_bool),
        Value::Bool(accepted) => Some(*accepted),
        Value::String(word) => Some(matches!(word.as_str(), "accepted" | "valid")),
        _ => None,
    };
    let warned =
        expect.get("warning").and_then(Value::as_bool).is_none_or(|wanted| wanted != report.warnings.is_empty());
    let right = accepted == Some(report.accepted())
        && warned
        && (report.accepted() || report.violations.iter().any(|violation| describes(violation, expect)));
    right.then_some(()).ok_or_else(got)
}

/// Whether a violation is the one that is expected: who refuses, which field, and what a good message names.
fn describes(violation: &Violation, expect: &Value) -> bool {
    let stages = expect.get("rejected_by").map(texts);
    let by = stages.is_none_or(|wanted| {
        let names = violation.stages.names();
        // The API server asks the schema first, so whoever lists only that one means the same.
        names.iter().all(|name| wanted.iter().any(|wanted| wanted == name))
            || wanted.iter().all(|wanted| names.contains(&wanted.as_str()))
    });
    let field =
        expect.get("field").and_then(Value::as_str).is_none_or(|wanted| within(&violation.field.to_string(), wanted));
    let message = violation.to_string().to_lowercase();
    let named = expect.get("message_should_name").map(texts).unwrap_or_default();
    by && field && named.iter().all(|word| message.contains(&word.to_lowercase()))
}

/// Whether a field is the expected one, or part of it.
fn within(field: &str, wanted: &str) -> bool {
    field.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
