//! Labs teach the truth: replayed on paper, what each step applies must predict what its matrices expect. That something
//! was red before it is proved on a cluster, by `labctl test`.

use std::collections::BTreeMap;

use labctl::{
    lab::{
        self,
        action::{Action, Mark, Reference},
        check::{Check, Matrix},
        model::{Lab, Workload},
    },
    mesh::{
        identity::SpiffeId,
        policy::{Index, Verdict, WorkloadId},
        registry::Registry,
        snapshot::Settings,
    },
};
use serde_json::{Value, json};

/// The objects of a cluster in which only the lab is at work, by kind, namespace and name.
#[derive(Default)]
struct Paper(BTreeMap<(String, String, String), Value>);

impl Paper {
    fn act(&mut self, action: &Action) {
        match action {
            Action::Apply(apply) => {
                for object in &apply.objects {
                    let namespace = object.namespace().unwrap_or_default().to_owned();
                    let key = (object.kind().to_owned(), namespace, object.name().to_owned());
                    self.0.insert(key, object.value().clone());
                }
            }
            Action::Delete(target) => {
                self.0.remove(&key(target)).unwrap();
            }
            Action::Label(mark) => self.label(mark),
            // None of these changes a policy.
            Action::Annotate(_)
            | Action::Certificate(_)
            | Action::Edge(_)
            | Action::Exec(_)
            | Action::Refused(_)
            | Action::Restart(_)
            | Action::Scale(_) => {}
        }
    }

    fn label(&mut self, mark: &Mark) {
        let object = self.0.get_mut(&key(&mark.target)).unwrap();
        for (name, value) in &mark.values {
            object["metadata"]["labels"][name] = value.as_ref().map_or(Value::Null, |value| json!(value));
        }
    }

    fn index(&self) -> Index {
        let mut registry = Registry::offline(Settings::default());
        for object in self.0.values() {
            registry.add(object, None).unwrap();
        }
        Index::new(registry.finish())
    }
}

fn key(target: &Reference) -> (String, String, String) {
    (target.kind.clone(), target.namespace.clone().unwrap_or_default(), target.name.clone())
}

/// The pods of a participant; `None` before they are deployed.
fn pods(index: &Index, workload: &Workload) -> Option<WorkloadId> {
    index.workloads().find(|&id| {
        let pod = index.workload(id);
        pod.namespace == workload.namespace
            && workload.selector.iter().all(|(label, value)| pod.labels.get(label) == Some(value))
    })
}

/// Every cell that is predicted to be something else.
fn differences(lab: &Lab, matrix: &Matrix, index: &Index) -> Vec<String> {
    let mut differences = Vec::new();
    for row in &matrix.rows {
        for (cell, to) in row.cells.iter().zip(&matrix.to) {
            let service = lab.workload(to).service.as_ref().unwrap();
            let seen = match pods(index, lab.workload(&row.from)) {
                Some(client) => predicted(index, client, &service.host, service.port),
                None => "no pod".to_owned(),
            };
            if seen != cell.value.to_string() {
                differences.push(format!("{} -> {}: {seen}, expected {}", row.from.value, to.value, cell.value));
            }
        }
    }
    differences
}

/// What the client will see, in a lab's words: `mtls` if the server is told that it is this client.
fn predicted(index: &Index, client: WorkloadId, host: &str, port: u16) -> String {
    let pod = index.workload(client);
    let own = SpiffeId::new("cluster.local", &pod.namespace, &pod.service_account).to_string();
    let prediction = &index.predict(client, host, port)[0];
    match (&prediction.verdict, &prediction.forwarded) {
        (Verdict::Mtls(_), Some(forwarded)) if forwarded.uri == own => "mtls".to_owned(),
        (verdict, _) => verdict.to_string(),
    }
}

#[test]
fn matrices_are_what_the_policies_mean() {
    for name in lab::bundled() {
        let lab = super::sound(&name);
        let mut paper = Paper::default();
        lab.setup.iter().for_each(|action| paper.act(action));
        for step in &lab.steps {
            step.solve.iter().for_each(|action| paper.act(action));
            let after = paper.index();
            for check in &step.expect {
                let Check::Matrix(matrix) = &check.value else { continue };
                let place = format!("{}:{}", lab.file.display(), check.at.line);
                let wrong = differences(&lab, matrix, &after);
                assert!(wrong.is_empty(), "{place}: {}\n{}", matrix.title, wrong.join("\n"));
            }
        }
    }
}
