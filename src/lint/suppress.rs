//! `metadata.allow`: codes that a lab's author knows about and does not want to hear of.

use super::{catalogue, catalogue::Code, finding::Finding};
use crate::lab::{Found, model::Lab, nearest::nearest};

/// Leaves out what the lab allows, and notes what it allows in vain.
pub(super) fn allowed(found: &Found, lab: &Lab, findings: Vec<Finding>) -> Vec<Finding> {
    let codes: Vec<String> = findings.iter().map(|finding| finding.code.to_string()).collect();
    let is_allowed = |code: &Code| lab.metadata.allow.iter().any(|allowed| allowed.value == code.to_string());
    let mut kept: Vec<Finding> = findings.into_iter().filter(|finding| !is_allowed(&finding.code)).collect();
    for allowed in &lab.metadata.allow {
        if !codes.contains(&allowed.value) {
            let (message, hint) = in_vain(&allowed.value);
            let (source, at) = (found.source().clone(), allowed.at);
            kept.push(Finding { code: Code::AllowedInVain, source, at, message, hint: Some(hint) });
        }
    }
    kept
}

fn in_vain(code: &str) -> (String, String) {
    let known: Vec<String> = catalogue::all().map(|rule| rule.code.to_string()).collect();
    if known.iter().any(|known| known == code) {
        return (format!("nothing in this lab needs `{code}` to be allowed"), "remove it".to_owned());
    }
    let hint = match nearest(code, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`labctl lint --list` shows all codes".to_owned(),
    };
    (format!("`{code}` is not a code of lint"), hint)
}
