//! Images that the embedded cluster does not have.

use std::collections::BTreeSet;

use super::who;
use crate::{
    cluster::images,
    lint::{Code, Subject},
    render::object::Object,
};

pub(super) fn check(subject: &Subject<'_>) {
    let bundled = images::bundled();
    let mut seen = BTreeSet::new();
    for apply in subject.applies() {
        for object in &apply.objects {
            for image in named(object).filter(|image| bundled.find(image).is_none()) {
                if seen.insert((apply.template.at.offset, image.to_owned())) {
                    let message =
                        format!("{} wants the image `{image}`, which the embedded cluster does not have", who(object));
                    let hint = "use `{{ labctl.image }}`, and name one of its programs as the command";
                    subject.note(Code::ImageNotBundled, apply.template.at, message, hint);
                }
            }
        }
    }
}

/// The images of a pod, or of the pods that an object makes.
fn named(object: &Object) -> impl Iterator<Item = &str> {
    let spec = &object.value()["spec"];
    let pod = if object.kind() == "Pod" { spec } else { &spec["template"]["spec"] };
    let containers = ["containers", "initContainers"].into_iter().filter_map(|list| pod[list].as_array()).flatten();
    containers.filter_map(|container| container["image"].as_str())
}
