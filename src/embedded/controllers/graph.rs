//! Who owns whom: the metadata of every object of every resource that can be listed, watched and deleted.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{
    Api, Client, Resource,
    core::DynamicResourceScope,
    discovery::{ApiResource, Discovery, Scope, verbs},
};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::queue::Keys;
use crate::embedded::{
    informer::{Change, Informer},
    node::sync::lock,
};

/// Resources that nothing is said about here: events are many, own nothing, and die with their namespace.
const IGNORED: &str = "events";

/// The identity of an object.
pub(super) type Uid = String;

/// An object of whichever kind, as far as its metadata go.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Meta {
    metadata: ObjectMeta,
}

impl Resource for Meta {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// A kind of object that the graph covers.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) resource: ApiResource,
    pub(super) namespaced: bool,
}

impl Kind {
    /// Access to the objects of this kind, in a namespace if the kind is namespaced.
    pub(super) fn api(&self, client: Client, namespace: &str) -> Api<Meta> {
        if self.namespaced {
            Api::namespaced_with(client, namespace, &self.resource)
        } else {
            Api::all_with(client, &self.resource)
        }
    }
}

/// An object in the graph.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Arc<Kind>,
    object: Arc<Meta>,
}

impl Node {
    pub(super) fn metadata(&self) -> &ObjectMeta {
        &self.object.metadata
    }

    pub(super) fn owners(&self) -> &[OwnerReference] {
        self.metadata().owner_references.as_deref().unwrap_or_default()
    }

    pub(super) fn has_finalizer(&self, name: &str) -> bool {
        self.metadata().finalizers.iter().flatten().any(|finalizer| finalizer == name)
    }

    pub(super) fn is_terminating(&self) -> bool {
        self.metadata().deletion_timestamp.is_some()
    }

    pub(super) fn api(&self, client: Client) -> Api<Meta> {
        self.kind.api(client, self.metadata().namespace.as_deref().unwrap_or_default())
    }

    pub(super) fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }
}

/// The graph, kept up to date by one watch for each kind.
pub(super) struct Graph {
    client: Client,
    objects: Mutex<Objects>,
    watches: Mutex<HashMap<String, Watch>>,
    /// All namespaced kinds, the ignored ones as well.
    namespaced: Mutex<Vec<Arc<Kind>>>,
    /// Objects to be looked at by the garbage collector.
    doubtful: Keys<Uid>,
    /// Namespaces in which something went away.
    emptied: Keys<String>,
    kinds_changed: Notify,
}

struct Watch {
    kind: Arc<Kind>,
    _follow: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Objects {
    nodes: HashMap<Uid, Node>,
    dependents: HashMap<Uid, HashSet<Uid>>,
}

impl Graph {
    pub(super) fn new(client: Client, doubtful: Keys<Uid>, emptied: Keys<String>) -> Arc<Self> {
        Arc::new(Self {
            client,
            objects: Mutex::default(),
            watches: Mutex::default(),
            namespaced: Mutex::default(),
            doubtful,
            emptied,
            kinds_changed: Notify::new(),
        })
    }

    /// Covers all kinds there are, and those that come, until the task is dropped.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            if let Err(error) = self.cover().await {
                tracing::debug!(%error, "not all kinds are covered");
            }
            self.kinds_changed.notified().await;
        }
    }

    async fn cover(self: &Arc<Self>) -> kube::Result<()> {
        let discovery = Discovery::new(self.client.clone()).run().await?;
        let mut found = HashMap::new();
        for (resource, capabilities) in discovery.groups().flat_map(kube::discovery::ApiGroup::recommended_resources) {
            if [verbs::LIST, verbs::WATCH, verbs::DELETE].iter().all(|verb| capabilities.supports_operation(verb)) {
                let name = format!("{}.{}", resource.plural, resource.group);
                let namespaced = capabilities.scope == Scope::Namespaced;
                found.insert(name, Arc::new(Kind { resource, namespaced }));
            }
        }
        *lock(&self.namespaced) = found.values().filter(|kind| kind.namespaced).cloned().collect();
        found.retain(|_, kind| kind.resource.plural != IGNORED);
        let gone: Vec<Watch> =
            lock(&self.watches).extract_if(|name, _| !found.contains_key(name)).map(|(_, watch)| watch).collect();
        gone.iter().for_each(|watch| self.forget(&watch.kind));
        for (name, kind) in found {
            if !lock(&self.watches).contains_key(&name) {
                let informer = Informer::start(Api::all_with(self.client.clone(), &kind.resource)).await?;
                let follow = AbortOnDropHandle::new(tokio::spawn(self.clone().follow(kind.clone(), informer)));
                lock(&self.watches).insert(name, Watch { kind, _follow: follow });
            }
        }
        Ok(())
    }

    /// A kind that is not served any more has no objects any more.
    fn forget(&self, kind: &Arc<Kind>) {
        let of_kind = |node: &Node| Arc::ptr_eq(&node.kind, kind);
        let gone: Vec<Node> = lock(&self.objects).nodes.values().filter(|node| of_kind(node)).cloned().collect();
        for node in gone {
            self.remove(&node.object);
        }
    }

    async fn follow(self: Arc<Self>, kind: Arc<Kind>, informer: Informer<Meta>) {
        let mut changes = informer.subscribe();
        while let Some(change) = changes.recv().await {
            self.apply(&kind, &change);
            if kind.resource.plural == "customresourcedefinitions" {
                self.kinds_changed.notify_one();
            }
        }
    }

    fn apply(&self, kind: &Arc<Kind>, change: &Change<Meta>) {
        let identity = |object: &Option<Arc<Meta>>| object.as_ref().and_then(|object| object.metadata.uid.clone());
        match (&change.before, &change.after) {
            (Some(before), after) if identity(&change.before) != identity(after) => self.remove(before),
            _ => {}
        }
        if let Some(object) = &change.after {
            self.insert(Node { kind: kind.clone(), object: object.clone() });
        }
    }

    fn insert(&self, node: Node) {
        let Some(uid) = node.metadata().uid.clone() else { return };
        let mut objects = lock(&self.objects);
        for owner in node.owners() {
            objects.dependents.entry(owner.uid.clone()).or_default().insert(uid.clone());
        }
        let doubtful = node.is_terminating() || !node.owners().is_empty();
        objects.nodes.insert(uid.clone(), node);
        if doubtful {
            _ = self.doubtful.send(uid);
        }
    }

    fn remove(&self, object: &Meta) {
        let Some(uid) = &object.metadata.uid else { return };
        let mut objects = lock(&self.objects);
        objects.nodes.remove(uid);
        // Its dependents may have lost their last owner, its owners may have waited for its end.
        let dependents = objects.dependents.remove(uid).unwrap_or_default();
        let owners = object.metadata.owner_references.iter().flatten();
        let owners: Vec<Uid> = owners.map(|owner| owner.uid.clone()).collect();
        for owner in &owners {
            if let Some(others) = objects.dependents.get_mut(owner) {
                others.remove(uid);
            }
        }
        for one in dependents.into_iter().chain(owners) {
            _ = self.doubtful.send(one);
        }
        if let Some(namespace) = &object.metadata.namespace {
            _ = self.emptied.send(namespace.clone());
        }
    }

    /// One object.
    pub(super) fn find(&self, uid: &str) -> Option<Node> {
        lock(&self.objects).nodes.get(uid).cloned()
    }

    /// The objects that name `uid` as an owner.
    pub(super) fn dependents(&self, uid: &str) -> Vec<Node> {
        let objects = lock(&self.objects);
        let dependents = objects.dependents.get(uid).into_iter().flatten();
        dependents.filter_map(|dependent| objects.nodes.get(dependent).cloned()).collect()
    }

    /// The kinds that have objects in a namespace.
    pub(super) fn kinds_in(&self, namespace: &str) -> Vec<Arc<Kind>> {
        let objects = lock(&self.objects);
        let inside = objects.nodes.values().filter(|node| node.metadata().namespace.as_deref() == Some(namespace));
        let kinds: HashMap<*const Kind, Arc<Kind>> =
            inside.map(|node| (Arc::as_ptr(&node.kind), node.kind.clone())).collect();
        kinds.into_values().collect()
    }

    /// All namespaced kinds.
    pub(super) fn namespaced_kinds(&self) -> Vec<Arc<Kind>> {
        lock(&self.namespaced).clone()
    }

    /// The kind that an owner reference means, in whichever version.
    pub(super) fn kind_of(&self, owner: &OwnerReference) -> Option<Arc<Kind>> {
        let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
        let means = |kind: &Arc<Kind>| kind.resource.kind == owner.kind && kind.resource.group == group;
        lock(&self.watches).values().map(|watch| watch.kind.clone()).find(means)
    }
}
