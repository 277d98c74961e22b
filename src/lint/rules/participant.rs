//! Participants that are nobody.

use crate::lint::{Code, Subject, predict::members};

pub(super) fn check(subject: &Subject<'_>) {
    let mut indexes = Vec::new();
    for world in subject.replay.worlds() {
        let Some(index) = world.index() else { return };
        indexes.push(index);
    }
    for workload in subject.lab.workloads.values() {
        if indexes.iter().all(|index| members(index, workload).is_empty()) {
            let labels: Vec<String> = workload.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let (labels, namespace) = (labels.join(","), &workload.namespace);
            let message = format!("no pod of the lab is in `{namespace}` with the labels {labels}");
            let near = indexes.last().map(|index| {
                let there = index.workloads().map(|id| index.workload(id)).filter(|pod| pod.namespace == *namespace);
                let named: Vec<String> =
                    there.filter(|pod| !pod.name.contains('/')).map(|pod| pod.name.clone()).collect();
                named.join(", ")
            });
            let hint = match near.filter(|near| !near.is_empty()) {
                Some(near) => format!("compare them with the pods that are there: {near}"),
                None => format!("nothing that the lab applies makes pods in `{namespace}`"),
            };
            subject.note(Code::NoPods, workload.name.at, message, hint);
        }
    }
}
