//! Texts that give away what a later step asks for.

use crate::{
    lab::{
        action::Action,
        model::Step,
        position::{Located, Span},
    },
    lint::{Code, Subject, markdown, rules::who},
    render::object::Object,
};

pub(super) fn check(subject: &Subject<'_>) {
    for (index, (step, _, after)) in subject.replay.steps(subject.lab).enumerate() {
        let hints = step.hints.iter().map(|hint| &hint.text);
        for text in std::iter::once(&step.text).chain(hints) {
            for object in shown(text) {
                // What the trainee has applied by then is no secret.
                if after.holds(&object) || tries(step, &object) {
                    continue;
                }
                let later = subject.lab.steps[index + 1..].iter().find(|later| applies(later, &object));
                let Some(later) = later else { continue };
                let (what, name) = (who(&object), &later.name.value);
                let message = format!("the text shows {what} as the later step `{name}` asks for it");
                let hint = format!("move it to `{name}`, or show another object as the example");
                subject.note(Code::SolutionLeaked, place(subject, text, &object), message, hint);
            }
        }
    }
}

fn shown(text: &str) -> impl Iterator<Item = Object> {
    markdown::code_blocks(text).into_iter().flat_map(|block| markdown::manifests(&block))
}

fn applies(step: &Step, object: &Object) -> bool {
    step.solve.iter().any(|action| action.objects().contains(object))
}

fn tries(step: &Step, object: &Object) -> bool {
    step.solve.iter().any(|action| match &action.value {
        Action::Refused(refused) => refused.apply.objects.contains(object),
        _ => false,
    })
}

/// The line of the text that names the kind.
fn place(subject: &Subject<'_>, text: &Located<String>, object: &Object) -> Span {
    subject.found.source().locate(text.at, &format!("kind: {}", object.kind()))
}
