//! Every code of lint: its name, how much it matters, why it does, and what it looks like. The one place for all of it;
//! `labctl lint --explain`, `--list`, SARIF and the guide's reference read it here.

mod loading;
mod objects;
mod steps;
mod texts;

use std::{fmt, str::FromStr};

use crate::lab::{drawing::Severity, nearest::nearest};

/// What is said about a code.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The code.
    pub code: Code,
    /// A few words, with hyphens.
    pub name: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub summary: &'static str,
    /// Why it matters, and what to do.
    pub why: &'static str,
    /// A piece of a lab, a template or a text that is wrong.
    pub wrong: &'static str,
    /// The same, put right.
    pub right: &'static str,
}

/// The codes, in the order of their numbers: the first is `LAB001`. A number never changes its meaning; new ones are
/// added at the end.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Code {
    /// The file is not YAML.
    Syntax,
    /// A key that nobody reads.
    UnknownKey,
    /// A key that must be there.
    MissingKey,
    /// A value that is not possible there.
    WrongValue,
    /// Something that must not be empty.
    Empty,
    /// The same thing twice.
    Duplicate,
    /// A workload, template or action that is not there.
    UnknownName,
    /// A template that gives no objects.
    BrokenTemplate,
    /// A variable that nothing defines.
    UndefinedVariable,
    /// A value that the template does not read.
    UnreadVariable,
    /// Hints that cost more than the step gives.
    HintsTooDear,
    /// A parameter that changes nothing.
    UnusedParameter,
    /// Points that do not add up to 100.
    PointsTotal,
    /// A step that is green before it is solved.
    CannotFail,
    /// A check that is red after the solution.
    CannotPass,
    /// A check that passes whatever is seen.
    VacuousCheck,
    /// A step that nobody gets to.
    UnreachableStep,
    /// A host or port at which nobody can be asked.
    UnknownHost,
    /// A participant without pods.
    NoPods,
    /// A port name that does not tell the protocol.
    HiddenProtocol,
    /// An API version that is not served any more.
    RemovedApi,
    /// A policy whose name is refused.
    RefusedName,
    /// A mesh resource that is refused.
    RefusedObject,
    /// A mesh resource that should be refused and is not.
    NotRefused,
    /// A field or resource without effect.
    WithoutEffect,
    /// An image that the embedded cluster does not have.
    ImageNotBundled,
    /// An image in a text without words.
    MissingAltText,
    /// A text that gives a later step away.
    SolutionLeaked,
    /// A hint that is the whole solution.
    HintIsSolution,
    /// A paid hint that says nothing new.
    HintRepeats,
    /// An allowance that nothing needs.
    AllowedInVain,
}

impl Code {
    /// What is said about it.
    pub fn rule(self) -> &'static Rule {
        all().nth(self as usize).expect("every code has its row: a test says so")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LAB{:03}", *self as usize + 1)
    }
}

/// No code is called that.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("lint has no code `{typed}`")]
pub struct UnknownCode {
    /// What was typed.
    pub typed: String,
    /// What may have been meant.
    pub nearest: Option<String>,
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Reads `LAB014`, in any case; `cannot-fail` means the same.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let named = |rule: &&Rule| rule.code.to_string().eq_ignore_ascii_case(text) || rule.name == text;
        all().find(named).map(|rule| rule.code).ok_or_else(|| {
            let known: Vec<String> = all().flat_map(|rule| [rule.code.to_string(), rule.name.to_owned()]).collect();
            UnknownCode { typed: text.to_owned(), nearest: nearest(text, &known).map(str::to_owned) }
        })
    }
}

/// All rows, in the order of their codes.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [loading::RULES, steps::RULES, objects::RULES, texts::RULES].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_row() {
        for (position, rule) in all().enumerate() {
            assert_eq!(rule.code as usize, position, "{}", rule.name);
            assert_eq!(rule.code.to_string().parse(), Ok(rule.code));
            assert_eq!(rule.name.parse(), Ok(rule.code));
            let texts = [rule.summary, rule.why, rule.wrong, rule.right];
            assert!(texts.iter().all(|text| !text.trim().is_empty() && !text.ends_with('\n')), "{}", rule.name);
        }
        assert_eq!(all().count(), Code::AllowedInVain as usize + 1);
    }
}
