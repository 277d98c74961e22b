//! Steps that nobody gets to, because an action before them needs an object that is not there.

use crate::{
    lab::action::{Action, Reference},
    lint::{Code, Subject, world::Missing},
};

pub(super) fn check(subject: &Subject<'_>) {
    for missing in &subject.replay.missing {
        let Missing { at, verb, target, step } = missing;
        let place = target.namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let object = format!("{} {place}{}", target.kind, target.name);
        let reach = step.as_ref().map_or_else(|| "any step".to_owned(), |step| format!("the end of `{step}`"));
        let message = format!("nobody reaches {reach}: `{verb}` needs {object}, which is not there by then");
        subject.note(Code::UnreachableStep, *at, message, instead(subject, target));
    }
}

/// Where it is, if the lab has it at all.
fn instead(subject: &Subject<'_>, target: &Reference) -> String {
    let applies = |action: &Action| {
        action.objects().iter().any(|object| {
            (object.kind(), object.namespace(), object.name())
                == (&target.kind[..], target.namespace.as_deref(), &target.name[..])
        })
    };
    let steps = subject.lab.steps.iter().filter(|step| step.solve.iter().any(|action| applies(action)));
    let steps: Vec<String> = steps.map(|step| format!("`{}`", step.name.value)).collect();
    match &steps[..] {
        [] => "no action of the lab applies it: see its kind, its name and its namespace".to_owned(),
        steps => format!("it is applied in {}", steps.join(", ")),
    }
}
