//! Labels and annotations that are instructions to somebody with more rights than a lab.

use super::Beyond;
use crate::{lab::action::Mark, mesh::inject::is_known_annotation, render::object::Object};

/// What belongs to labctl itself: which run an object is of, and which port a load balancer opens.
const OWN: &str = "labctl.dev/";
/// Annotations by which a node is told to guard a pod less.
const PROFILES: &[&str] = &["container.apparmor.security.beta.kubernetes.io/", "seccomp.security.alpha.kubernetes.io/"];

/// What an object says in its labels and annotations, and in those of the pods that it makes.
pub(super) fn of_object(object: &Object) -> Result<(), Beyond> {
    let places = [
        ("metadata", &object.value()["metadata"]),
        ("spec.template.metadata", &object.value()["spec"]["template"]["metadata"]),
        (
            "spec.jobTemplate.spec.template.metadata",
            &object.value()["spec"]["jobTemplate"]["spec"]["template"]["metadata"],
        ),
    ];
    let what = || format!("{} `{}`", object.kind(), object.name());
    for (place, metadata) in places {
        for section in ["annotations", "labels"] {
            let keys = metadata[section].as_object().into_iter().flatten().map(|(key, _)| key);
            if let Some(key) = keys.into_iter().find(|key| is_instruction(section, key)) {
                return Err(beyond(what(), format!("{place}.{section}.{}", key.escape_debug())));
            }
        }
    }
    Ok(())
}

/// What an action says.
pub(super) fn of_mark(mark: &Mark) -> Result<(), Beyond> {
    let key = mark.values.keys().find(|key| is_instruction("annotations", key));
    let what = || format!("{} `{}`", mark.target.kind, mark.target.name);
    key.map_or(Ok(()), |key| Err(beyond(what(), key.escape_debug().to_string())))
}

fn beyond(what: String, field: String) -> Beyond {
    Beyond::Field { what, field, hint: "remove it: it would have others do what the lab may not do itself" }
}

/// Of Istio's annotations those stay that this mesh reads: others give an injected sidecar images, volumes and rights.
fn is_instruction(section: &str, key: &str) -> bool {
    let prefix = key.split_once('/').map_or("", |(prefix, _)| prefix);
    let of_istio = section == "annotations" && (prefix == "istio.io" || prefix.ends_with(".istio.io"));
    key.starts_with(OWN)
        || PROFILES.iter().any(|profile| key.starts_with(profile))
        || of_istio && !is_known_annotation(key)
}
