//! Parameters that change nothing.

use std::collections::BTreeSet;

use crate::{
    lab::action::Action,
    lint::{Code, Subject},
    render,
};

pub(super) fn check(subject: &Subject<'_>) {
    if subject.lab.parameters.is_empty() {
        return;
    }
    let Some(mut used) = render::variables(&subject.found.source().text) else { return };
    let actions = subject.lab.setup.iter().chain(subject.lab.steps.iter().flat_map(|step| &step.solve));
    let templates: BTreeSet<&str> = actions
        .filter_map(|action| match &action.value {
            Action::Apply(apply) => Some(apply.template.as_str()),
            Action::Refused(refused) => Some(refused.apply.template.as_str()),
            _ => None,
        })
        .collect();
    for template in templates {
        // A template that brings in others may read anything.
        let Ok(Some(variables)) = subject.templates().variables(template) else { return };
        used.extend(variables.iter().cloned());
    }
    for parameter in subject.lab.parameters.iter().filter(|parameter| !used.contains(&parameter.name.value)) {
        let message = format!("nothing uses the parameter `{}`", parameter.name.value);
        let hint = format!("write `{{{{ {} }}}}` where its value belongs, or remove it", parameter.name.value);
        subject.note(Code::UnusedParameter, parameter.name.at, message, hint);
    }
}
