//! Steps whose checks are all green before anything is done.

use crate::{
    lab::{
        action::Action,
        check::Check,
        model::{Lab, Step},
        position::Located,
    },
    lint::{
        Code, Subject,
        predict::{self, Question},
        world::World,
    },
    mesh::{
        policy::{Index, Reached, Request},
        resources::Kind,
    },
};

pub(super) fn check(subject: &Subject<'_>) {
    for (step, before, after) in subject.replay.steps(subject.lab) {
        let is_green = |check: &Located<Check>| is_green(subject.lab, check, before);
        if declares_only(step) && step.expect.iter().all(is_green) && same_network(before, after) {
            let message = format!("no check of `{}` can be red before its solution", step.name.value);
            let hint = "check something that the solution changes; what a request sees, it does not";
            subject.note(Code::CannotFail, step.name.at, message, hint);
        }
    }
}

/// Whether a solution only says how pods reach each other. Whatever else it does may change what programs answer.
fn declares_only(step: &Step) -> bool {
    step.solve.iter().all(|action| match &action.value {
        Action::Annotate(_) | Action::Refused(_) => true,
        Action::Apply(apply) => apply.objects.iter().all(|object| is_policy(object.api_version(), object.kind())),
        Action::Delete(target) => is_policy(&target.api_version, &target.kind),
        Action::Label(mark) => mark.target.kind == "Namespace",
        _ => false,
    })
}

fn is_policy(api_version: &str, kind: &str) -> bool {
    use Kind::{DestinationRule, MeshPolicy, PeerAuthentication, Policy};
    matches!(Kind::of(api_version, kind), Some(DestinationRule | MeshPolicy | PeerAuthentication | Policy))
}

/// Whether a check is green before, provided that nothing changes on the network. Then a request sees the same before the
/// step as after it, so its check is green before, unless it can never be.
fn is_green(lab: &Lab, check: &Check, before: &World) -> bool {
    match check {
        Check::Http(http) => {
            let seen = Question::of(lab.workload(&http.from), http).and_then(|question| question.ask(before));
            let fits = http.verdict.as_ref().zip(seen).and_then(|(expected, seen)| predict::fits(expected, &seen));
            fits != Some(false)
        }
        Check::Matrix(matrix) => predict::cells(lab, matrix).all(|cell| {
            let seen = cell.question.ask(before);
            seen.and_then(|seen| predict::fits(cell.expected, &seen)) != Some(false)
        }),
        Check::Resource(resource) => predict::resource(resource, before).is_some_and(|wrong| wrong.is_empty()),
        Check::Wire(_) => true,
        _ => false,
    }
}

/// Whether everybody sees the same of everybody in both worlds.
fn same_network(before: &World, after: &World) -> bool {
    let (Some(before), Some(after)) = (before.index(), after.index()) else { return false };
    let names = |index: &Index| -> Vec<(String, String, bool)> {
        let workloads = index.workloads().map(|id| index.workload(id));
        workloads.map(|pod| (pod.namespace.clone(), pod.name.clone(), pod.sidecar)).collect()
    };
    names(before) == names(after) && all_pairs(before).eq(all_pairs(after))
}

/// What every workload sees of every port of every Service.
fn all_pairs(index: &Index) -> impl Iterator<Item = Vec<(String, bool)>> {
    index.workloads().flat_map(move |client| {
        let ports = index.services().flat_map(move |service| {
            let service = index.service(service);
            service.ports.iter().map(move |port| Reached::Host { name: &service.host, port: port.port })
        });
        ports.map(move |to| {
            let predictions = index.reach(&Request::new(client, to)).into_iter();
            predictions.map(|seen| (seen.verdict.to_string(), seen.forwarded.is_some())).collect()
        })
    })
}
