//! Finding what labctl made on a cluster, by its labels alone: whatever kind it is, whoever's run it was.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::{
    api::ListParams,
    core::{DynamicObject, ResourceExt},
};
use serde::Serialize;

use super::{
    Cluster, ClusterError, ObjectRef, Owner,
    apply::{AT_ONCE, rank_of},
    delete::blocking_conditions,
    kinds::{Kind, discovered},
    labels,
};

/// Resources that only report what others made, or that the cluster makes for others and takes away with them.
const DERIVED: [&str; 3] = ["componentstatuses", "endpoints", "events"];

/// An object that labctl made.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Its name.
    #[serde(flatten)]
    pub object: ObjectRef,
    /// Its uid, so that nothing else is deleted instead of it.
    pub uid: Option<String>,
    /// Since when it is there.
    pub created: Option<Timestamp>,
    /// Since when it is being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Timestamp>,
    /// Who has to agree before it goes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
    /// What the cluster says keeps it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<String>,
}

/// What is left of one run, or belongs to one that goes on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundRun {
    /// The run's id.
    pub id: String,
    /// Its lab, if its objects say so.
    pub lab: Option<String>,
    /// When its first object was made.
    pub created: Option<Timestamp>,
    /// Its objects, in the order in which they were needed.
    pub objects: Vec<Found>,
}

/// Everything that labctl made on a cluster.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// What runs made, oldest first.
    pub runs: Vec<FoundRun>,
    /// What `labctl mesh install` made; it stays until somebody uninstalls it.
    pub mesh: Vec<Found>,
    /// Where nobody could look, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
}

impl Survey {
    /// The same without other runs than `id`, if one is given.
    #[must_use]
    pub fn only(mut self, id: Option<&str>) -> Self {
        self.runs.retain(|run| id.is_none_or(|id| run.id == id));
        self
    }
}

impl Cluster {
    /// Looks for objects of labctl among all kinds that can be listed and deleted.
    ///
    /// # Errors
    /// The cluster does not say which kinds it has. A single kind that cannot be listed is noted in the answer.
    pub async fn survey(&self) -> Result<Survey, ClusterError> {
        let mut survey = Survey::default();
        let mut runs: BTreeMap<String, FoundRun> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let kinds = self.deletable_kinds(&mut survey.unseen).await?;
        let lists = stream::iter(kinds).map(|kind| async move {
            let listed = self.marked(&kind).await;
            (kind, listed)
        });
        let lists: Vec<_> = lists.buffered(AT_ONCE).collect().await;
        for (kind, listed) in lists {
            let objects = match listed {
                Ok(objects) => objects,
                Err(lost @ ClusterError::Lost { .. }) => return Err(lost),
                Err(error) => {
                    survey.unseen.push(format!("{}: {error}", kind.resource.plural));
                    continue;
                }
            };
            for object in objects {
                // Some objects are shown in two groups.
                if object.uid().is_some_and(|uid| !seen.insert(uid)) {
                    continue;
                }
                let found = Found::of(&kind, &object);
                match Owner::of(&object.metadata) {
                    Owner::Run { id, lab } => run(&mut runs, id, lab).objects.push(found),
                    Owner::Mesh => survey.mesh.push(found),
                    Owner::Somebody(_) => (),
                }
            }
        }
        survey.runs = runs.into_values().map(FoundRun::sorted).collect();
        survey.runs.sort_by_key(|run| run.created);
        // What the control plane of a run's own mesh made goes with its namespace.
        let of_run = |found: &Found| survey.runs.iter().any(|run| run.has_namespace_of(found));
        survey.mesh = std::mem::take(&mut survey.mesh).into_iter().filter(|found| !of_run(found)).collect();
        survey.mesh.sort_by_key(order);
        Ok(survey)
    }

    /// Takes over what a run left, as if this one had made it.
    pub fn adopt(&self, run: &FoundRun) {
        let mut ledger = self.ledger();
        let batch = ledger.open();
        for found in &run.objects {
            ledger.intend(batch, &found.object);
            ledger.created(&found.object, found.uid.clone());
        }
    }

    /// The kinds whose objects can be found and removed, each in the version that the cluster prefers.
    async fn deletable_kinds(&self, unseen: &mut Vec<String>) -> Result<Vec<Kind>, ClusterError> {
        let groups = self.client.list_api_groups().await;
        let groups = groups.map_err(ClusterError::request("ask which API groups there are"))?.groups;
        let preferred = |group: &k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup| {
            let first = group.preferred_version.as_ref().or(group.versions.first());
            first.map(|version| version.group_version.clone())
        };
        let core = std::iter::once("v1".to_owned());
        let versions: Vec<String> = core.chain(groups.iter().filter_map(preferred)).collect();
        let asked = stream::iter(versions).map(|version| async move {
            let listed = self.resources(&version).await;
            (version, listed)
        });
        let mut kinds = Vec::new();
        let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
        for (version, answer) in answers {
            match answer {
                Ok(list) => kinds.extend(discovered(&version, deletable(list))),
                Err(lost @ ClusterError::Lost { .. }) => return Err(lost),
                // Its last definition has just gone.
                Err(ClusterError::Request { status: Some(404), .. }) => (),
                // The group of an API server that is down, for instance.
                Err(error) => unseen.push(error.to_string()),
            }
        }
        Ok(kinds)
    }

    /// The objects of one kind that bear our label, without those that go with their owner.
    async fn marked(&self, kind: &Kind) -> Result<Vec<DynamicObject>, ClusterError> {
        let ours = ListParams::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGER));
        let listed = kind.everywhere(self.client()).list(&ours).await;
        let listed = listed.map_err(ClusterError::request(format!("list {}", kind.resource.plural)))?;
        Ok(listed.items.into_iter().filter(|object| object.owner_references().is_empty()).collect())
    }
}

impl Found {
    fn of(kind: &Kind, object: &DynamicObject) -> Self {
        Self {
            object: ObjectRef {
                api_version: kind.resource.api_version.clone(),
                kind: kind.resource.kind.clone(),
                namespace: object.namespace(),
                name: object.name_any(),
            },
            uid: object.uid(),
            created: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
            deletion_timestamp: object.metadata.deletion_timestamp.as_ref().map(|time| time.0),
            finalizers: object.finalizers().to_vec(),
            blocked_by: blocking_conditions(object).collect(),
        }
    }
}

impl FoundRun {
    fn sorted(mut self) -> Self {
        self.created = self.objects.iter().filter_map(|found| found.created).min();
        self.objects.sort_by_key(order);
        self
    }

    fn has_namespace_of(&self, found: &Found) -> bool {
        let namespaces = || self.objects.iter().filter(|own| own.object.kind == "Namespace");
        found.object.namespace.as_ref().is_some_and(|name| namespaces().any(|own| own.object.name == *name))
    }

    /// The objects that do not simply go with a namespace of the run, each with how many others go with it.
    pub fn by_namespace(&self) -> impl Iterator<Item = (&Found, usize)> {
        let is_namespace = |found: &Found| found.object.kind == "Namespace";
        let goes_with = move |found: &Found, namespace: &Found| {
            is_namespace(namespace) && found.object.namespace.as_ref() == Some(&namespace.object.name)
        };
        let alone = move |found: &&Found| !self.objects.iter().any(|namespace| goes_with(found, namespace));
        let inside = move |namespace: &Found| self.objects.iter().filter(|found| goes_with(found, namespace)).count();
        self.objects.iter().filter(alone).map(move |found| (found, inside(found)))
    }
}

fn run(runs: &mut BTreeMap<String, FoundRun>, id: String, lab: Option<String>) -> &mut FoundRun {
    let run = runs.entry(id.clone()).or_insert(FoundRun { id, lab: None, created: None, objects: Vec::new() });
    run.lab = run.lab.take().or(lab);
    run
}

fn order(found: &Found) -> (u8, ObjectRef) {
    (rank_of(&found.object.kind), found.object.clone())
}

fn deletable(mut list: APIResourceList) -> APIResourceList {
    let can = |verbs: &[String]| ["delete", "list"].iter().all(|verb| verbs.iter().any(|it| it == verb));
    list.resources.retain(|resource| can(&resource.verbs) && !DERIVED.contains(&resource.name.as_str()));
    list
}
