//! API versions that a Kubernetes of today does not serve any more.

use std::collections::BTreeSet;

use crate::{
    lab::{action::Action, check::Check, position::Span},
    lint::{Code, Subject},
};

/// `(apiVersion, kind or empty for all kinds, removed in, what to write)`.
///
/// Source: Kubernetes, "Deprecated API Migration Guide".
const REMOVED: &[(&str, &str, &str, &str)] = &[
    ("admissionregistration.k8s.io/v1beta1", "", "1.22", "admissionregistration.k8s.io/v1"),
    ("apiextensions.k8s.io/v1beta1", "", "1.22", "apiextensions.k8s.io/v1"),
    ("apiregistration.k8s.io/v1beta1", "", "1.22", "apiregistration.k8s.io/v1"),
    ("apps/v1beta1", "", "1.16", "apps/v1"),
    ("apps/v1beta2", "", "1.16", "apps/v1"),
    ("authentication.k8s.io/v1beta1", "TokenReview", "1.22", "authentication.k8s.io/v1"),
    ("authorization.k8s.io/v1beta1", "", "1.22", "authorization.k8s.io/v1"),
    ("autoscaling/v2beta1", "", "1.25", "autoscaling/v2"),
    ("autoscaling/v2beta2", "", "1.26", "autoscaling/v2"),
    ("batch/v1beta1", "", "1.25", "batch/v1"),
    ("certificates.k8s.io/v1beta1", "CertificateSigningRequest", "1.22", "certificates.k8s.io/v1"),
    ("coordination.k8s.io/v1beta1", "", "1.22", "coordination.k8s.io/v1"),
    ("discovery.k8s.io/v1beta1", "", "1.25", "discovery.k8s.io/v1"),
    ("events.k8s.io/v1beta1", "", "1.25", "events.k8s.io/v1"),
    ("extensions/v1beta1", "Ingress", "1.22", "networking.k8s.io/v1"),
    ("extensions/v1beta1", "NetworkPolicy", "1.16", "networking.k8s.io/v1"),
    ("extensions/v1beta1", "", "1.16", "apps/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta1", "", "1.26", "flowcontrol.apiserver.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta2", "", "1.29", "flowcontrol.apiserver.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta3", "", "1.32", "flowcontrol.apiserver.k8s.io/v1"),
    ("networking.k8s.io/v1beta1", "Ingress", "1.22", "networking.k8s.io/v1"),
    ("networking.k8s.io/v1beta1", "IngressClass", "1.22", "networking.k8s.io/v1"),
    ("node.k8s.io/v1beta1", "", "1.25", "node.k8s.io/v1"),
    ("policy/v1beta1", "PodDisruptionBudget", "1.25", "policy/v1"),
    ("policy/v1beta1", "PodSecurityPolicy", "1.25", ""),
    ("rbac.authorization.k8s.io/v1alpha1", "", "1.22", "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", "", "1.22", "rbac.authorization.k8s.io/v1"),
    ("scheduling.k8s.io/v1beta1", "", "1.22", "scheduling.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity", "1.27", "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "", "1.22", "storage.k8s.io/v1"),
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
    let found =
        REMOVED.iter().find(|(version, only, ..)| *version == api_version && (only.is_empty() || *only == kind));
    let Some((_, _, release, instead)) = found else { return };
    let message = format!("{kind} of `{api_version}` is not served since Kubernetes {release}");
    let hint = match *instead {
        "" => "nothing takes its place: see the guide to deprecated APIs of Kubernetes".to_owned(),
        instead => format!("write `apiVersion: {instead}`, and see whether its fields have changed"),
    };
    subject.note(Code::RemovedApi, at, message, hint);
}
