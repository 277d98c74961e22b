//! What differs between two answers, and which differences are known.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{answer::Answer, case};

/// One place where two answers differ.
#[derive(Debug)]
pub struct Difference {
    /// Which case.
    pub case: String,
    /// The number of the step from 1, what of its answer (`code`, `type`, `warnings`, `body`), and where in it.
    pub at: String,
    /// What is recorded.
    pub recorded: Option<Value>,
    /// What is answered now.
    pub found: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
        let (recorded, found) = (shown(&self.recorded), shown(&self.found));
        write!(f, "{:?} {}\n    recorded: {recorded}\n    found:    {found}", self.case, self.at)
    }
}

/// All differences between the answers of a case.
pub fn compare(case: &str, recorded: &[Answer], found: &[Answer]) -> Vec<Difference> {
    let mut differences = Vec::new();
    for index in 0..recorded.len().max(found.len()) {
        let of = |answers: &[Answer]| {
            answers.get(index).map(|answer| {
                let Answer { code, media_type, warnings, body } = answer;
                json!({"code": code, "type": media_type, "warnings": warnings, "body": body})
            })
        };
        let (recorded, found) = (of(recorded), of(found));
        walk(case, format!("/{}", index + 1), recorded.as_ref(), found.as_ref(), &mut differences);
    }
    differences
}

fn walk(case: &str, at: String, recorded: Option<&Value>, found: Option<&Value>, differences: &mut Vec<Difference>) {
    match (recorded, found) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let more = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(more) {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                walk(case, at, one.get(key), other.get(key), differences);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                walk(case, format!("{at}/{index}"), one.get(index), other.get(index), differences);
            }
        }
        _ if recorded == found => {}
        _ => differences.push(Difference {
            case: case.to_owned(),
            at,
            recorded: recorded.cloned(),
            found: found.cloned(),
        }),
    }
}

/// A difference that is accepted, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// In which cases; none: in any.
    #[serde(default)]
    pub cases: Vec<String>,
    /// Where: as [`Difference::at`], with `*` for any one step and `**` at the end for everything below.
    #[serde(default)]
    pub at: Vec<String>,
    /// Where in single cases, each in its own places.
    #[serde(default)]
    pub places: BTreeMap<String, Vec<String>>,
    /// Why it is so.
    pub reason: String,
}

impl Known {
    /// Reads the known differences of an area.
    pub fn read(area: &str) -> Vec<Self> {
        let file = case::folder().join(format!("known-differences/{area}.yaml"));
        let Ok(text) = std::fs::read_to_string(&file) else { return Vec::new() };
        let known: Vec<Self> =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(known.iter().all(|known| !known.reason.is_empty()), "{}: a reason is missing", file.display());
        known
    }

    /// Every pair of a case (none: any) and a place that this entry speaks of.
    pub fn claims(&self) -> Vec<Claim<'_>> {
        let claim = |case, at| Claim { case, at };
        let common = self.at.iter().flat_map(|at| match self.cases.as_slice() {
            [] => vec![claim(None, at)],
            cases => cases.iter().map(|case| claim(Some(case.as_str()), at)).collect(),
        });
        let single = self.places.iter().flat_map(|(case, places)| places.iter().map(|at| claim(Some(case), at)));
        common.chain(single).collect()
    }
}

/// One claim of a known difference.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub case: Option<&'a str>,
    pub at: &'a str,
}

impl Claim<'_> {
    pub fn covers(&self, difference: &Difference) -> bool {
        self.case.is_none_or(|case| case == difference.case) && fits(self.at, &difference.at)
    }
}

fn fits(pattern: &str, place: &str) -> bool {
    let (mut pattern, mut place) = (pattern.split('/'), place.split('/'));
    loop {
        match (pattern.next(), place.next()) {
            (None, None) | (Some("**"), _) => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
}
