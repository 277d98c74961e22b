//! API versions that a Kubernetes of today does not serve any more.

use std::collections::BTreeSet;

use crate::{
    lab::{action::Action, check::Check, position::Span},
    lint::{Code, Subject},
};

/// `(apiVersion, removed in, what to write)`, of kinds that a lab may use.
///
/// Source: Kubernetes, "Deprecated API Migration Guide".
const REMOVED: &[(&str, &str, &str)] = &[
    ("apps/v1beta1", "1.16", "apps/v1"),
    ("apps/v1beta2", "1.16", "apps/v1"),
    ("batch/v1beta1", "1.25", "batch/v1"),
    ("rbac.authorization.k8s.io/v1alpha1", "1.22", "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", "1.22", "rbac.authorization.k8s.io/v1"),
];

pub(super) fn check(subject: &Subject<'_>) {
    let applied = subject
        .applies()
        .flat_map(|apply| apply.objects.iter().map(|object| (apply.template.at, object.api_version(), object.kind())));
    let actions = subject.lab.setup.iter().chain(subject.lab.steps.iter().flat_map(|step| &step.solve));
    let named = actions.filter_map(|action| {
        let target = match &action.value {
            Action::Annotate(mark) | Action::Label(mark) => &mark.target,
            Action::Delete(target) | Action::Restart(target) => target,
            Action::Scale(scale) => &scale.target,
            _ => return None,
        };
        Some((action.at, target.api_version.as_str(), target.kind.as_str()))
    });
    let checked = subject.checks().filter_map(|check| match &check.value {
        Check::Resource(resource) => Some((check.at, resource.api_version.as_str(), resource.kind.as_str())),
        _ => None,
    });
    let mut seen = BTreeSet::new();
    for (at, api_version, kind) in applied.chain(named).chain(checked) {
        if seen.insert((at.offset, api_version, kind)) {
            look(subject, at, api_version, kind);
        }
    }
}

fn look(subject: &Subject<'_>, at: Span, api_version: &str, kind: &str) {
    let found = REMOVED.iter().find(|(version, ..)| *version == api_version);
    let Some((_, release, instead)) = found else { return };
    let message = format!("{kind} of `{api_version}` is not served since Kubernetes {release}");
    let hint = format!("write `apiVersion: {instead}`, and see whether its fields have changed");
    subject.note(Code::RemovedApi, at, message, hint);
}
