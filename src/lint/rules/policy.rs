//! Mesh resources that are refused, and those that should be and are not; fields without effect.

use super::who;
use crate::{
    lab::action::{Action, Apply, Refused},
    lint::{Code, Subject},
    mesh::{
        resources::Kind,
        validate::{Mistake, Path, Report, Violation, validate},
    },
    render::object::Object,
};

pub(super) fn check(subject: &Subject<'_>) {
    subject.applies().for_each(|apply| applied(subject, apply));
    for action in subject.lab.setup.iter().chain(subject.lab.steps.iter().flat_map(|step| &step.solve)) {
        if let Action::Refused(refused) = &action.value {
            tried(subject, refused);
        }
    }
}

fn applied(subject: &Subject<'_>, apply: &Apply) {
    for (object, report) in apply.objects.iter().filter_map(judged) {
        for violation in &report.violations {
            let code = if is_name(violation) { Code::RefusedName } else { Code::RefusedObject };
            let message = format!("{} is refused: {violation}", who(object));
            subject.note(
                code,
                apply.template.at,
                message,
                "see what the template makes of it: `labctl show LAB --manifests`",
            );
        }
        for remark in report.warnings.iter().chain(&report.without_effect) {
            let message = format!("{}: {remark}", who(object));
            subject.note(Code::WithoutEffect, apply.template.at, message, "leave it out, or say what was meant");
        }
    }
    for object in apply.objects.iter().filter(|object| is_unread(object)) {
        let message = format!("{}: {} has no effect in labctl's mesh", who(object), object.api_version());
        subject.note(Code::WithoutEffect, apply.template.at, message, "leave it out: no check can see it");
    }
}

fn judged(object: &Object) -> Option<(&Object, Report)> {
    let kind = Kind::of(object.api_version(), object.kind())?;
    Some((object, validate(kind, object.value())))
}

fn is_name(violation: &Violation) -> bool {
    violation.mistake == Mistake::BadName && violation.field == Path::of(&["metadata", "name"])
}

/// Whether it is a resource of Istio that this mesh does not read.
fn is_unread(object: &Object) -> bool {
    object.api_version().contains(".istio.io/") && Kind::of(object.api_version(), object.kind()).is_none()
}

fn tried(subject: &Subject<'_>, refused: &Refused) {
    let judged: Option<Vec<(&Object, Report)>> = refused.apply.objects.iter().map(judged).collect();
    // Of other kinds the cluster decides.
    let Some(judged) = judged else { return };
    let reasons: Vec<String> =
        judged.iter().flat_map(|(_, report)| &report.violations).map(ToString::to_string).collect();
    if reasons.is_empty() {
        let message = format!("nothing refuses {}", who(&refused.apply.objects[0]));
        let hint = "give the template what makes it wrong, or apply it";
        subject.note(Code::NotRefused, refused.apply.template.at, message, hint);
    } else if !reasons.iter().any(|reason| reason.contains(&refused.because)) {
        let message = format!("it is refused, but not because `{}`", refused.because);
        let hint = format!("what is said is: {}", reasons.join("; "));
        subject.note(Code::NotRefused, refused.apply.template.at, message, hint);
    }
}
