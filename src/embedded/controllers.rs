//! The controllers of the embedded cluster: each makes the world like one kind of object describes it.
//!
//! A controller is a reconcile function and the changes that make it run; `Controllers::start` ties them together.

mod deployment;
mod endpoint_slice;
mod garbage_collector;
mod graph;
mod namespace;
mod queue;
mod replica_set;
mod service_account;

use std::sync::Arc;

use k8s_openapi::{
    api::core::v1::{Pod, Service},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{Client, Resource, ResourceExt};
use tokio::task::JoinSet;

use self::{
    graph::Graph,
    queue::{Keys, Queue},
};
use super::{
    events::Recorder,
    informer::{Change, Informer, Informers, Key, Watched, key_of},
    node::endpoints::{address, is_ready, selects},
};

/// What all controllers share.
struct Shared {
    client: Client,
    informers: Informers,
    recorder: Recorder,
    root_certificate: String,
}

/// The running controllers; dropping them stops them.
pub struct Controllers {
    _tasks: JoinSet<()>,
}

impl Controllers {
    /// Starts all controllers. `root_certificate` is the PEM text by which pods recognise the API server.
    pub(crate) fn start(client: &Client, informers: &Informers, recorder: &Recorder, root_certificate: String) -> Self {
        let shared = Arc::new(Shared {
            client: client.clone(),
            informers: informers.clone(),
            recorder: recorder.of("controller-manager"),
            root_certificate,
        });
        let mut start = Start { shared, tasks: JoinSet::new() };
        start.workloads();
        start.namespaces();
        start.endpoint_slices();
        start.graph();
        Self { _tasks: start.tasks }
    }
}

struct Start {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Start {
    fn workloads(&mut self) {
        let informers = self.shared.informers.clone();
        let (deployments, queue) = Queue::new();
        let shared = self.shared.clone();
        self.tasks.spawn(queue.run("deployment", move |key| deployment::reconcile(shared.clone(), key)));
        let (replica_sets, queue) = Queue::new();
        let shared = self.shared.clone();
        self.tasks.spawn(queue.run("replica set", move |key| replica_set::reconcile(shared.clone(), key)));
        self.feed(&informers.deployments, &deployments, own_key);
        self.feed(&informers.replica_sets, &deployments, |change| owner_keys(change, "Deployment"));
        self.feed(&informers.replica_sets, &replica_sets, own_key);
        self.feed(&informers.pods, &replica_sets, |change| owner_keys(change, "ReplicaSet"));
    }

    fn namespaces(&mut self) {
        let informers = self.shared.informers.clone();
        let (accounts, queue) = Queue::new();
        let shared = self.shared.clone();
        let reconcile = move |name| service_account::reconcile_account(shared.clone(), name);
        self.tasks.spawn(queue.run("service account", reconcile));
        let (certificates, queue) = Queue::new();
        let shared = self.shared.clone();
        let reconcile = move |name| service_account::reconcile_certificate(shared.clone(), name);
        self.tasks.spawn(queue.run("root certificate", reconcile));
        self.feed(&informers.namespaces, &accounts, |change| vec![change.object().name_any()]);
        self.feed(&informers.namespaces, &certificates, |change| vec![change.object().name_any()]);
        self.feed(&informers.service_accounts, &accounts, |change| lost(change, service_account::DEFAULT_ACCOUNT));
        self.feed(&informers.config_maps, &certificates, |change| named(change, service_account::ROOT_CERTIFICATE));
    }

    fn endpoint_slices(&mut self) {
        let informers = self.shared.informers.clone();
        let (services, queue) = Queue::new();
        let shared = self.shared.clone();
        self.tasks.spawn(queue.run("endpoint slice", move |key| endpoint_slice::reconcile(shared.clone(), key)));
        self.feed(&informers.services, &services, own_key);
        let known = informers.services.clone();
        self.feed(&informers.pods, &services, move |change| selecting(&known, change));
    }

    fn graph(&mut self) {
        let informers = self.shared.informers.clone();
        let (doubtful, doubts) = Queue::new();
        let (emptied, namespaces) = Queue::new();
        let graph = Graph::new(self.shared.client.clone(), doubtful, emptied.clone());
        self.tasks.spawn(graph.clone().run());
        let (client, known) = (self.shared.client.clone(), graph.clone());
        let collect = move |uid| garbage_collector::reconcile(client.clone(), known.clone(), uid);
        self.tasks.spawn(doubts.run("garbage collector", collect));
        let shared = self.shared.clone();
        let empty = move |name| namespace::reconcile(shared.clone(), graph.clone(), name);
        self.tasks.spawn(namespaces.run("namespace", empty));
        self.feed(&informers.namespaces, &emptied, |change| vec![change.object().name_any()]);
    }

    /// Turns the changes of one kind into keys of a queue.
    fn feed<K: Watched, T: Send + 'static>(
        &mut self,
        informer: &Informer<K>,
        keys: &Keys<T>,
        of: impl Fn(&Change<K>) -> Vec<T> + Send + Sync + 'static,
    ) {
        let (mut changes, keys) = (informer.subscribe(), keys.clone());
        self.tasks.spawn(async move {
            while let Some(change) = changes.recv().await {
                for key in of(&change) {
                    // A queue without a worker belongs to a cluster that is shutting down.
                    _ = keys.send(key);
                }
            }
        });
    }
}

fn own_key<K: Watched>(change: &Change<K>) -> Vec<Key> {
    vec![key_of(&**change.object())]
}

/// The owners of one kind that an object has or had.
fn owner_keys<K: Watched>(change: &Change<K>, kind: &str) -> Vec<Key> {
    let sides = [&change.before, &change.after];
    let owners = sides.into_iter().flatten().filter_map(|object| {
        let owner =
            object.owner_references().iter().find(|owner| owner.controller == Some(true) && owner.kind == kind)?;
        Some((object.namespace().unwrap_or_default(), owner.name.clone()))
    });
    let mut owners: Vec<Key> = owners.collect();
    owners.dedup();
    owners
}

/// The namespace in which an object of this name has changed.
fn named<K: Watched>(change: &Change<K>, name: &str) -> Vec<String> {
    let object = change.object();
    (object.name_any() == name).then(|| object.namespace()).flatten().into_iter().collect()
}

/// The namespace in which the object of this name has gone.
fn lost<K: Watched>(change: &Change<K>, name: &str) -> Vec<String> {
    if change.after.is_none() { named(change, name) } else { Vec::new() }
}

/// The Services that choose a pod, or chose it before.
fn selecting(services: &Informer<Service>, change: &Change<Pod>) -> Vec<Key> {
    let shown = |pod: &Option<Arc<Pod>>| {
        let shown = |pod: &Arc<Pod>| (address(pod), is_ready(pod), pod.metadata.deletion_timestamp.is_some());
        pod.as_ref().map(|pod| (shown(pod), pod.labels().clone()))
    };
    if shown(&change.before) == shown(&change.after) {
        return Vec::new();
    }
    let chosen = |service: &Service| {
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        [&change.before, &change.after].into_iter().flatten().any(|pod| selects(selector, pod))
    };
    let services = services.in_namespace(&change.object().namespace().unwrap_or_default());
    services.iter().filter(|service| chosen(service)).map(|service| key_of(&**service)).collect()
}

/// Whether `owner` controls `object`.
fn owned_by(object: &impl ResourceExt, owner: &impl ResourceExt) -> bool {
    let uid = owner.uid();
    object.owner_references().iter().any(|one| one.controller == Some(true) && Some(&one.uid) == uid.as_ref())
}

/// What a dependent says about the owner that controls it.
fn owner_reference<K: Resource<DynamicType = ()>>(owner: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        block_owner_deletion: Some(true),
        controller: Some(true),
        kind: K::kind(&()).into_owned(),
        name: owner.meta().name.clone().unwrap_or_default(),
        uid: owner.meta().uid.clone().unwrap_or_default(),
    }
}
