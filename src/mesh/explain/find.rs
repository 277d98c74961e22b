//! Which workload somebody means who types a name.

use crate::mesh::policy::{Index, WorkloadId};

/// What somebody typed: `sleep`, `foo/sleep`, `sleep.foo`; the name of a pod, of what made it, or its label `app`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted<'a> {
    /// The namespaces and names that it may mean, the likeliest first.
    readings: Vec<(&'a str, &'a str)>,
}

/// Nobody is called that.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no pod of namespace {namespace} is called `{name}`")]
pub struct Nobody {
    /// The namespace that was meant.
    pub namespace: String,
    /// The name that was meant.
    pub name: String,
    /// Who is in that namespace instead; empty if nobody is.
    pub others: Vec<String>,
}

impl Nobody {
    /// What the reader can type instead.
    pub fn hint(&self) -> String {
        match self.others.as_slice() {
            [] => format!(
                "there are no pods in {}; name another namespace with -n, or write NAME.NAMESPACE",
                self.namespace
            ),
            others => format!("there are {}", others.join(", ")),
        }
    }
}

impl<'a> Wanted<'a> {
    /// Reads what was typed by somebody who is in `namespace`.
    pub fn read(text: &'a str, namespace: &'a str) -> Self {
        // A resource type before the name, as kubectl has it, says nothing that the name does not.
        let bare = ["pod/", "pods/", "po/", "deployment/", "deploy/"].iter().find_map(|kind| text.strip_prefix(kind));
        if let Some(name) = bare {
            return Self { readings: vec![(namespace, name)] };
        }
        if let Some((namespace, name)) = text.split_once('/') {
            return Self { readings: vec![(namespace, name)] };
        }
        let dotted = text.rsplit_once('.').map(|(name, namespace)| (namespace, name));
        Self { readings: [(namespace, text)].into_iter().chain(dotted).collect() }
    }

    /// The workload that is meant; of several alike one that is ready, if one is.
    ///
    /// # Errors
    /// [`Nobody`].
    pub fn find(&self, index: &Index) -> Result<WorkloadId, Nobody> {
        let found = self.readings.iter().find_map(|&(namespace, name)| find(index, namespace, name));
        found.ok_or_else(|| {
            let &(namespace, name) = self.readings.last().expect("there is always one");
            let mut others: Vec<String> = index
                .workloads()
                .map(|id| index.workload(id))
                .filter(|workload| workload.namespace == namespace)
                .map(|workload| workload.name.clone())
                .collect();
            others.dedup();
            Nobody { namespace: namespace.to_owned(), name: name.to_owned(), others }
        })
    }
}

fn find(index: &Index, namespace: &str, name: &str) -> Option<WorkloadId> {
    let exact = index.find_workload(namespace, name);
    exact.or_else(|| {
        let members = || index.workloads().filter(|&id| index.workload(id).namespace == namespace);
        let made_by = |id: &WorkloadId| is_made_by(&index.workload(*id).name, name);
        let labelled = |id: &WorkloadId| index.workload(*id).labels.get("app").is_some_and(|app| app == name);
        let best = |all: Vec<WorkloadId>| {
            let ready = all.iter().copied().find(|&id| index.workload(id).ready);
            ready.or_else(|| all.first().copied())
        };
        best(members().filter(made_by).collect()).or_else(|| best(members().filter(labelled).collect()))
    })
}

/// Whether a pod has the name that a Deployment (two suffixes) or a ReplicaSet (one) gives to its pods.
fn is_made_by(pod: &str, maker: &str) -> bool {
    let Some(suffixes) = pod.strip_prefix(maker).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let parts: Vec<&str> = suffixes.split('-').collect();
    let generated = |part: &str| part.len() >= 5 && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    parts.len() <= 2 && parts.iter().all(|part| generated(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::snapshot::{Snapshot, Workload};

    fn index() -> Index {
        let workload = |namespace: &str, name: &str, app: &str, ready| Workload {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            labels: [("app".to_owned(), app.to_owned())].into(),
            ready,
            ..Workload::default()
        };
        Index::new(Snapshot {
            workloads: vec![
                workload("foo", "sleep-6d5f7b8c9-x2x4q", "sleep", false),
                workload("foo", "sleep-6d5f7b8c9-zzzzz", "sleep", true),
                workload("foo", "sleep-well-6d5f7b8c9-x2x4q", "sleep-well", true),
                workload("bar", "web.v1", "web", true),
            ],
            ..Snapshot::default()
        })
    }

    fn found(text: &str, namespace: &str) -> Result<String, String> {
        let index = index();
        let wanted = Wanted::read(text, namespace);
        let found = wanted.find(&index).map(|id| index.workload(id).name.clone());
        found.map_err(|nobody| format!("{nobody}; {}", nobody.hint()))
    }

    #[test]
    fn people_name_pods_in_several_ways() {
        for (text, namespace) in [
            ("sleep-6d5f7b8c9-zzzzz", "foo"),
            ("sleep", "foo"),
            ("deploy/sleep", "foo"),
            ("foo/sleep", "bar"),
            ("sleep.foo", "bar"),
        ] {
            assert_eq!(found(text, namespace).as_deref(), Ok("sleep-6d5f7b8c9-zzzzz"), "{text}");
        }
        assert_eq!(found("web.v1", "bar").as_deref(), Ok("web.v1"));
        assert_eq!(found("web", "bar").as_deref(), Ok("web.v1"));
    }

    #[test]
    fn whoever_is_not_there_is_told_of_those_who_are() {
        insta::assert_snapshot!(found("slep", "foo").unwrap_err(), @"no pod of namespace foo is called `slep`; there are sleep-6d5f7b8c9-x2x4q, sleep-6d5f7b8c9-zzzzz, sleep-well-6d5f7b8c9-x2x4q");
        insta::assert_snapshot!(found("sleep", "nowhere").unwrap_err(), @"no pod of namespace nowhere is called `sleep`; there are no pods in nowhere; name another namespace with -n, or write NAME.NAMESPACE");
    }
}
