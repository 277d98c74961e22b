//! One thing that lint has to say about a lab.

use super::catalogue::Code;
use crate::lab::{
    drawing::{Drawing, Severity},
    position::Span,
    problem::Source,
};

/// What is wrong, where, and what to write instead.
#[derive(Clone, Debug)]
pub struct Finding {
    /// In which way.
    pub code: Code,
    /// The file.
    pub source: Source,
    /// Where in it.
    pub at: Span,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Finding {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.code.rule().severity
    }

    /// As it is drawn for a person.
    pub fn drawing(&self) -> Drawing<'_> {
        Drawing {
            severity: self.severity(),
            code: Some(format!("{} {} {}", self.severity(), self.code, self.code.rule().name)),
            source: &self.source,
            at: self.at,
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }

    /// Line and column right after it; on the same line where it is longer than that.
    pub fn end(&self) -> (usize, usize) {
        let rest = self.source.text.get(self.at.offset..).unwrap_or_default();
        let covered = rest.get(..self.at.length).unwrap_or(rest).lines().next().unwrap_or_default();
        (self.at.line, self.at.column + covered.chars().count().max(1))
    }
}
