//! What the loader says about a lab, under the codes of lint.

use super::{catalogue::Code, finding::Finding};
use crate::lab::problem::{Problem, ProblemKind};

/// A problem under its code.
pub(super) fn finding(problem: Problem) -> Finding {
    let kind = problem.kind();
    Finding {
        code: code(kind),
        source: problem.source().clone(),
        at: problem.at(),
        message: kind.to_string(),
        hint: kind.hint(),
    }
}

fn code(kind: &ProblemKind) -> Code {
    match kind {
        ProblemKind::Costs { .. } => Code::HintsTooDear,
        ProblemKind::Duplicate { .. } | ProblemKind::DuplicateKey(_) => Code::Duplicate,
        ProblemKind::Empty(_) => Code::Empty,
        ProblemKind::Invalid { .. } | ProblemKind::WrongType { .. } => Code::WrongValue,
        ProblemKind::MissingKey { .. } => Code::MissingKey,
        ProblemKind::Syntax { .. } => Code::Syntax,
        ProblemKind::Template { .. } => Code::BrokenTemplate,
        ProblemKind::Undefined { .. } => Code::UndefinedVariable,
        ProblemKind::Unknown { .. } => Code::UnknownName,
        ProblemKind::UnknownKey { .. } => Code::UnknownKey,
        ProblemKind::Unread { .. } => Code::UnreadVariable,
        ProblemKind::Vacuous { .. } => Code::VacuousCheck,
    }
}
