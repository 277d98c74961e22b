//! The objects of a cluster in which only one lab is at work, at one moment.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use serde_json::{Value, json};

use crate::{
    lab::{
        action::{Action, Mark, Reference, Scale},
        position::Span,
    },
    mesh::{
        inject::PROXY_CONTAINER,
        policy::Index,
        registry::Registry,
        resources::Kind,
        snapshot::{Labels, Settings, Snapshot, Workload},
        validate::validate,
    },
    render::object::Object,
};

/// Kinds of objects that make pods.
const MAKERS: &[&str] = &["DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"];
/// Kinds of objects that only a lab's own actions make, so that one is there if, and only if, it was applied.
const DECLARED: &[&str] = &["Deployment", "Service"];

/// Kinds of objects that neither make pods nor decide about their traffic.
const INERT: &[&str] = &[
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "CustomResourceDefinition",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "Role",
    "RoleBinding",
    "Secret",
    "ServiceAccount",
];

/// What there is only one of in a cluster.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Id {
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

/// `labels` or `annotations`.
type Section = &'static str;

/// An object, and what a manifest of it would not say.
#[derive(Clone, Debug)]
struct Standing {
    value: Arc<Value>,
    /// Labels and annotations that an action set or removed; a later `apply` leaves them as they are.
    marks: BTreeMap<(Section, String), Option<String>>,
    /// For pods and their makers: the labels of the namespace when the pods were created.
    born: Labels,
}

/// An action's object that is not there.
#[derive(Clone, Debug)]
pub struct Missing {
    /// The action.
    pub at: Span,
    /// The action's key.
    pub verb: &'static str,
    /// What it looks for.
    pub target: Reference,
    /// In which step; none for the setup.
    pub step: Option<String>,
}

/// Objects by who they are.
#[derive(Clone, Debug, Default)]
pub struct World {
    objects: BTreeMap<Id, Arc<Standing>>,
    /// Whether something was done of which nobody can tell on paper what comes of it.
    doubtful: bool,
    index: OnceLock<Option<Arc<Index>>>,
}

impl World {
    /// Does what an action does.
    ///
    /// # Errors
    /// What it looks for, if that cannot be there.
    pub fn act(&mut self, action: &Action) -> Result<(), Reference> {
        self.index = OnceLock::new();
        match action {
            Action::Annotate(mark) => self.mark("annotations", mark),
            Action::Apply(apply) => {
                apply.objects.iter().for_each(|object| self.apply(object));
                Ok(())
            }
            Action::Delete(target) => self.delete(target),
            Action::Label(mark) => self.mark("labels", mark),
            Action::Restart(target) => self.restart(target),
            Action::Scale(scale) => self.scale(scale),
            // None of these changes an object that decides who reaches whom.
            Action::Certificate(_) | Action::Edge(_) | Action::Exec(_) | Action::Refused(_) => Ok(()),
        }
    }

    /// Creates or replaces an object.
    pub fn apply(&mut self, object: &Object) {
        let refused = Kind::of(object.api_version(), object.kind())
            .is_some_and(|kind| !validate(kind, object.value()).accepted());
        self.doubtful |= refused;
        let id = Id {
            group: group(object.api_version()).to_owned(),
            kind: object.kind().to_owned(),
            namespace: object.namespace().unwrap_or_default().to_owned(),
            name: object.name().to_owned(),
        };
        let now = self.namespace_labels(&id.namespace);
        let mut standing = Standing { value: object.shared(), marks: BTreeMap::new(), born: now };
        if let Some(earlier) = self.objects.get(&id) {
            standing.marks.clone_from(&earlier.marks);
            if same_pods(&earlier.value, &standing.value) {
                standing.born.clone_from(&earlier.born);
            }
            for ((section, key), value) in &earlier.marks {
                if standing.value["metadata"][section].get(key).is_none() {
                    set(Arc::make_mut(&mut standing.value), section, key, value.as_deref());
                }
            }
        }
        self.objects.insert(id, Arc::new(standing));
    }

    /// Notes that from here on nobody can tell on paper what is there.
    pub fn doubt(&mut self) {
        self.doubtful = true;
    }

    /// Whether an object of this kind and name is there; `None` if that cannot be told.
    fn has(&self, target: &Reference) -> Option<bool> {
        let declared =
            Kind::of(&target.api_version, &target.kind).is_some() || DECLARED.contains(&target.kind.as_str());
        match self.objects.contains_key(&id(target)) {
            true => Some(true),
            false => declared.then_some(false),
        }
    }

    fn missing(&self, target: &Reference) -> Result<(), Reference> {
        if self.has(target) == Some(false) { Err(target.clone()) } else { Ok(()) }
    }

    fn delete(&mut self, target: &Reference) -> Result<(), Reference> {
        self.missing(target)?;
        self.objects.remove(&id(target));
        if target.kind == "Namespace" {
            self.objects.retain(|id, _| id.namespace != target.name);
        }
        Ok(())
    }

    fn change(&mut self, target: &Reference, change: impl FnOnce(&mut Standing)) -> Result<(), Reference> {
        self.missing(target)?;
        if let Some(found) = self.objects.get_mut(&id(target)) {
            change(Arc::make_mut(found));
        }
        Ok(())
    }

    fn mark(&mut self, section: Section, mark: &Mark) -> Result<(), Reference> {
        self.change(&mark.target, |standing| {
            for (key, value) in &mark.values {
                set(Arc::make_mut(&mut standing.value), section, key, value.as_deref());
                standing.marks.insert((section, key.clone()), value.clone());
            }
        })
    }

    fn restart(&mut self, target: &Reference) -> Result<(), Reference> {
        let now = self.namespace_labels(target.namespace.as_deref().unwrap_or_default());
        self.change(target, |standing| standing.born = now)
    }

    /// The pods that are added are younger than the others, and so may have a sidecar where those have none.
    fn scale(&mut self, scale: &Scale) -> Result<(), Reference> {
        let now = self.namespace_labels(scale.target.namespace.as_deref().unwrap_or_default());
        let mut mixed = false;
        self.change(&scale.target, |standing| {
            mixed = standing.born != now && replicas(&standing.value) > 0 && scale.replicas > 0;
            Arc::make_mut(&mut standing.value)["spec"]["replicas"] = json!(scale.replicas);
            standing.born = now;
        })?;
        self.doubtful |= mixed;
        Ok(())
    }

    fn namespace_labels(&self, name: &str) -> Labels {
        let id = Id { group: String::new(), kind: "Namespace".into(), namespace: String::new(), name: name.to_owned() };
        let labels = self.objects.get(&id).and_then(|namespace| namespace.value["metadata"]["labels"].as_object());
        let texts =
            labels.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        texts.collect()
    }

    /// The objects of this kind in a namespace (none for a cluster-wide kind); `None` if others may be there as well.
    pub fn resources(&self, api_version: &str, kind: &str, namespace: Option<&str>) -> Option<Vec<&Value>> {
        Kind::of(api_version, kind).filter(|_| !self.doubtful)?;
        let wanted = |id: &Id| {
            id.group == group(api_version)
                && id.kind == kind
                && namespace.is_none_or(|namespace| id.namespace == namespace)
        };
        Some(self.objects.iter().filter(|(id, _)| wanted(id)).map(|(_, standing)| &*standing.value).collect())
    }

    /// Whether this very object is there.
    pub fn holds(&self, object: &Object) -> bool {
        self.objects.values().any(|standing| *standing.value == *object.value())
    }

    /// What the mesh makes of it; `None` if that cannot be told.
    pub fn index(&self) -> Option<&Index> {
        self.index.get_or_init(|| self.indexed().map(Arc::new)).as_deref()
    }

    fn indexed(&self) -> Option<Index> {
        if self.doubtful || self.objects.iter().any(|(id, standing)| decides_elsewhere(id, &standing.value)) {
            return None;
        }
        let mut registry = Registry::offline(Settings::default());
        for standing in self.objects.values() {
            registry.add_born(&standing.value, &standing.born).ok()?;
        }
        let mut snapshot = registry.finish();
        add_proxies(&mut snapshot);
        Some(Index::new(snapshot))
    }
}

/// Whether an object may have an effect on who reaches whom that nobody can tell on paper.
fn decides_elsewhere(id: &Id, value: &Value) -> bool {
    let api_version = value["apiVersion"].as_str().unwrap_or_default();
    let unselective = id.kind == "Service" && value["spec"]["selector"].is_null();
    unselective || !(is_understood(&id.kind) || Kind::of(api_version, &id.kind).is_some())
}

/// Whether it is known of a kind of Kubernetes what its objects do to pods and to their traffic.
pub fn is_understood(kind: &str) -> bool {
    MAKERS.contains(&kind) || INERT.contains(&kind) || ["Namespace", "Pod", "Service"].contains(&kind)
}

/// A sidecar's own container is exempt from redirection: who asks from there is a client without a sidecar.
fn add_proxies(snapshot: &mut Snapshot) {
    let proxied = snapshot.workloads.iter().filter(|workload| workload.sidecar);
    let proxies: Vec<Workload> = proxied
        .map(|workload| Workload {
            name: proxy_of(&workload.name),
            labels: Labels::new(),
            sidecar: false,
            ..workload.clone()
        })
        .collect();
    snapshot.workloads.extend(proxies);
}

/// How the sidecar's container of a workload is called in an index; no Kubernetes object has a name like that.
pub fn proxy_of(workload: &str) -> String {
    format!("{workload}/{PROXY_CONTAINER}")
}

fn id(target: &Reference) -> Id {
    Id {
        group: group(&target.api_version).to_owned(),
        kind: target.kind.clone(),
        namespace: target.namespace.clone().unwrap_or_default(),
        name: target.name.clone(),
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Whether an applied change leaves the pods as they are.
fn same_pods(before: &Value, after: &Value) -> bool {
    let makes_pods = |value: &Value| value["kind"].as_str().is_some_and(|kind| MAKERS.contains(&kind));
    !makes_pods(after) || (before["spec"]["template"] == after["spec"]["template"] && replicas(before) > 0)
}

fn replicas(maker: &Value) -> u64 {
    maker["spec"]["replicas"].as_u64().unwrap_or(1)
}

fn set(object: &mut Value, section: &str, key: &str, value: Option<&str>) {
    let entries = &mut object["metadata"][section];
    match (value, entries.as_object_mut()) {
        (Some(value), Some(entries)) => {
            entries.insert(key.to_owned(), json!(value));
        }
        (Some(value), None) => *entries = json!({ key: value }),
        (None, Some(entries)) => {
            entries.remove(key);
        }
        (None, None) => {}
    }
}
