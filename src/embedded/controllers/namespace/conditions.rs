//! What the deletion of a namespace waits for, as the namespace's status tells it.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::NamespaceCondition,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    jiff::Timestamp,
};

use super::Kind;

/// An object that is still there.
pub(super) struct Left {
    /// Its plural and group.
    kind: String,
    finalizers: Vec<String>,
}

impl Left {
    pub(super) fn new(kind: &Kind, metadata: &ObjectMeta) -> Self {
        let kind = format!("{}.{}", kind.resource.plural, kind.resource.group);
        Self { kind, finalizers: metadata.finalizers.clone().unwrap_or_default() }
    }
}

/// The conditions of a namespace that `left` is left of; those of `known` that still hold keep their time.
pub(super) fn conditions(known: &[NamespaceCondition], left: &[Left]) -> Vec<NamespaceCondition> {
    let list = [
        ("NamespaceDeletionDiscoveryFailure", Told::no("ResourcesDiscovered", "All resources successfully discovered")),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            Told::no("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ),
        (
            "NamespaceDeletionContentFailure",
            Told::no("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ),
        ("NamespaceContentRemaining", content(left)),
        ("NamespaceFinalizersRemaining", finalizers(left)),
    ];
    list.into_iter()
        .map(|(kind, told)| {
            let before = known.iter().find(|one| one.type_ == kind && one.status == told.status);
            NamespaceCondition {
                last_transition_time: before
                    .and_then(|one| one.last_transition_time.clone())
                    .or_else(|| Some(Time(Timestamp::now()))),
                message: Some(told.message),
                reason: Some(told.reason.to_owned()),
                status: told.status.to_owned(),
                type_: kind.to_owned(),
            }
        })
        .collect()
}

struct Told {
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl Told {
    fn no(reason: &'static str, message: &str) -> Self {
        Self { status: "False", reason, message: message.to_owned() }
    }
}

fn content(left: &[Left]) -> Told {
    if left.is_empty() {
        return Told::no("ContentRemoved", "All content successfully removed");
    }
    let kinds = count(left.iter().map(|object| object.kind.as_str()));
    let kinds: Vec<String> =
        kinds.iter().map(|(kind, count)| format!("{kind} has {count} resource instances")).collect();
    let message = format!("Some resources are remaining: {}", kinds.join(", "));
    Told { status: "True", reason: "SomeResourcesRemain", message }
}

fn finalizers(left: &[Left]) -> Told {
    let names = count(left.iter().flat_map(|object| &object.finalizers).map(String::as_str));
    if names.is_empty() {
        return Told::no("ContentHasNoFinalizers", "All content-preserving finalizers finished");
    }
    let names: Vec<String> =
        names.iter().map(|(name, count)| format!("{name} in {count} resource instances")).collect();
    let message = format!("Some content in the namespace has finalizers remaining: {}", names.join(", "));
    Told { status: "True", reason: "SomeFinalizersRemain", message }
}

fn count<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}
