//! The rules over a lab that is sound, one idea a file. Each looks at the whole lab and notes what it finds.

mod alternative_text;
mod api_version;
mod cannot_fail;
mod cannot_pass;
mod hint;
mod host;
mod image;
mod leak;
mod parameter;
mod participant;
mod points;
mod policy;
mod port_name;
mod unreachable;
mod vacuous;

use super::Subject;
use crate::render::object::Object;

/// All rules. Their order does not matter: findings are sorted.
pub(super) const ALL: &[fn(&Subject<'_>)] = &[
    alternative_text::check,
    api_version::check,
    cannot_fail::check,
    cannot_pass::check,
    hint::check,
    host::check,
    image::check,
    leak::check,
    parameter::check,
    participant::check,
    points::check,
    policy::check,
    port_name::check,
    unreachable::check,
    vacuous::check,
];

/// Kind, namespace and name of an object, as messages name it.
fn who(object: &Object) -> String {
    let place = object.namespace().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{} {place}{}", object.kind(), object.name())
}
