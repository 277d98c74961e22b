//! Steps whose checks are all green before anything is done.

use crate::{
    lab::{action::Action, check::Check, model::Step},
    lint::{Code, Subject, predict, world::World},
    mesh::{
        policy::{Index, Reached, Request},
        resources::Kind,
    },
};

pub(super) fn check(subject: &Subject<'_>) {
    for (step, before, after) in subject.replay.steps(subject.lab) {
        if declares_only(step) && step.expect.iter().all(|check| is_green(check, before)) && same_network(before, after)
        {
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

/// Whether a check is green before, provided that it is green after and nothing changes on the network.
fn is_green(check: &Check, before: &World) -> bool {
    match check {
        Check::Http(_) | Check::Matrix(_) | Check::Wire(_) => true,
        Check::Resource(resource) => predict::resource(resource, before) == Some(true),
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
