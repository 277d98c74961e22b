//! What lint finds: every code of its catalogue.

use std::fmt::Write as _;

use crate::lint::catalogue;

// Writing to a `String` cannot fail, so what `write!` answers is dropped.

/// All codes, each under a heading of its own.
pub(super) fn codes() -> String {
    let mut out = String::new();
    for rule in catalogue::all() {
        let _ = writeln!(out, "## {} {}\n", rule.code, rule.name);
        let _ = writeln!(out, "**{}** {}\n\n{}\n", rule.severity, rule.summary, rule.why);
        let _ = writeln!(out, "Wrong:\n\n```yaml\n{}\n```\n\nRight:\n\n```yaml\n{}\n```\n", rule.wrong, rule.right);
    }
    out
}
