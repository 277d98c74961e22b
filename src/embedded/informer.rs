//! A live copy of one kind of object, shared by everyone in the cluster's own machinery who needs it.
//!
//! Who writes an object hands the answer to [`Informer::observe`], so that the copy is never older than one's own
//! writes: a controller does not create a pod twice because the watch was slower than its next turn. Resource
//! versions are compared as numbers, which Kubernetes promises for objects of one kind.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{ConfigMap, Namespace, Pod, Secret, Service, ServiceAccount},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, WatchEvent, WatchParams},
};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::AbortOnDropHandle;

use super::node::sync::lock;

/// How long to wait before a failed list or watch is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// An object that an informer can hold.
pub trait Watched: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static {}
impl<K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static> Watched for K {}

/// Namespace (empty for cluster-wide objects) and name.
pub type Key = (String, String);

/// The key of an object.
pub fn key_of<K: Resource>(object: &K) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// One step in the life of an object: it came (`before` is empty), changed, or went (`after` is empty).
#[derive(Debug)]
pub struct Change<K> {
    /// The object before.
    pub before: Option<Arc<K>>,
    /// The object after.
    pub after: Option<Arc<K>>,
}

impl<K> Clone for Change<K> {
    fn clone(&self) -> Self {
        Self { before: self.before.clone(), after: self.after.clone() }
    }
}

impl<K> Change<K> {
    /// The object as it is, or as it last was.
    pub fn object(&self) -> &Arc<K> {
        self.after.as_ref().or(self.before.as_ref()).expect("a change has a side")
    }
}

/// A live copy of all objects of one kind. Clones share it; it ends with the last clone.
#[derive(Debug)]
pub struct Informer<K> {
    copy: Arc<Mutex<Copy<K>>>,
    _watch: Arc<AbortOnDropHandle<()>>,
}

impl<K> Clone for Informer<K> {
    fn clone(&self) -> Self {
        Self { copy: self.copy.clone(), _watch: self._watch.clone() }
    }
}

impl<K: Watched> Informer<K> {
    /// Starts with a complete copy, then keeps it up to date.
    ///
    /// # Errors
    /// If the first list fails.
    pub async fn start(api: Api<K>) -> kube::Result<Self> {
        let list = api.list(&ListParams::default()).await?;
        let copy = Arc::new(Mutex::new(Copy::default()));
        let revision = lock(&copy).replace(list.items, list.metadata.resource_version.as_deref());
        let watch = tokio::spawn(watch(api, copy.clone(), revision));
        Ok(Self { copy, _watch: Arc::new(AbortOnDropHandle::new(watch)) })
    }

    /// One object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        lock(&self.copy).objects.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// All objects.
    pub fn all(&self) -> Vec<Arc<K>> {
        lock(&self.copy).objects.values().cloned().collect()
    }

    /// All objects of a namespace.
    pub fn in_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        let copy = lock(&self.copy);
        let from = (namespace.to_owned(), String::new());
        let rest = copy.objects.range(from..);
        rest.take_while(|((of, _), _)| of == namespace).map(|(_, object)| object.clone()).collect()
    }

    /// Every change from now on.
    pub fn changes(&self) -> UnboundedReceiver<Change<K>> {
        let (sender, receiver) = unbounded_channel();
        lock(&self.copy).subscribers.push(sender);
        receiver
    }

    /// Every change from now on, after the present objects as if they had just come.
    pub fn subscribe(&self) -> UnboundedReceiver<Change<K>> {
        let (sender, receiver) = unbounded_channel();
        let mut copy = lock(&self.copy);
        for object in copy.objects.values() {
            // The receiver is in our hands, so sending can't fail.
            let _ = sender.send(Change { before: None, after: Some(object.clone()) });
        }
        copy.subscribers.push(sender);
        receiver
    }

    /// Takes over the server's answer to a write, ahead of the watch.
    pub fn observe(&self, object: &K) {
        let mut copy = lock(&self.copy);
        if revision_of(object) > copy.seen {
            copy.apply(object.clone());
        }
    }
}

#[derive(Debug)]
struct Copy<K> {
    objects: BTreeMap<Key, Arc<K>>,
    /// Up to where the watch has come.
    seen: u64,
    subscribers: Vec<UnboundedSender<Change<K>>>,
}

impl<K> Default for Copy<K> {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), seen: 0, subscribers: Vec::new() }
    }
}

impl<K: Watched> Copy<K> {
    /// Takes over a complete list; returns its revision.
    fn replace(&mut self, items: Vec<K>, revision: Option<&str>) -> String {
        let mut gone: Vec<Key> = self.objects.keys().cloned().collect();
        for item in items {
            gone.retain(|key| *key != key_of(&item));
            self.apply(item);
        }
        for key in gone {
            self.remove(&key);
        }
        let revision = revision.unwrap_or("0");
        self.seen = revision.parse().unwrap_or(0);
        revision.to_owned()
    }

    fn apply(&mut self, object: K) {
        let key = key_of(&object);
        let before = self.objects.get(&key).cloned();
        if before.as_deref().is_some_and(|known| revision_of(known) >= revision_of(&object)) {
            return;
        }
        let after = Arc::new(object);
        self.objects.insert(key, after.clone());
        self.tell(&Change { before, after: Some(after) });
    }

    fn remove(&mut self, key: &Key) {
        if let Some(before) = self.objects.remove(key) {
            self.tell(&Change { before: Some(before), after: None });
        }
    }

    fn tell(&mut self, change: &Change<K>) {
        self.subscribers.retain(|subscriber| subscriber.send(change.clone()).is_ok());
    }
}

fn revision_of<K: Resource>(object: &K) -> u64 {
    object.meta().resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// Keeps the copy up to date until the task is dropped.
async fn watch<K: Watched>(api: Api<K>, copy: Arc<Mutex<Copy<K>>>, mut revision: String) {
    loop {
        if let Err(error) = follow(&api, &copy, &mut revision).await {
            tracing::debug!(%error, resource = api.resource_url(), "watch ended, listing again");
            match api.list(&ListParams::default()).await {
                Ok(list) => revision = lock(&copy).replace(list.items, list.metadata.resource_version.as_deref()),
                Err(_) => tokio::time::sleep(RETRY_AFTER).await,
            }
        }
    }
}

/// Applies the events of one watch request; `Ok` when the server ends it in good order.
async fn follow<K: Watched>(api: &Api<K>, copy: &Mutex<Copy<K>>, revision: &mut String) -> kube::Result<()> {
    let mut events = api.watch(&WatchParams::default(), revision).await?.boxed();
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                *revision = object.resource_version().unwrap_or_default();
                let mut copy = lock(copy);
                copy.seen = copy.seen.max(revision_of(&object));
                copy.apply(object);
            }
            WatchEvent::Deleted(object) => {
                *revision = object.resource_version().unwrap_or_default();
                let mut copy = lock(copy);
                copy.seen = copy.seen.max(revision_of(&object));
                let key = key_of(&object);
                let newer = copy.objects.get(&key).is_some_and(|known| revision_of(&**known) > revision_of(&object));
                if !newer {
                    copy.remove(&key);
                }
            }
            WatchEvent::Bookmark(bookmark) => *revision = bookmark.metadata.resource_version,
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        }
    }
    Ok(())
}

/// The live copies that the node and the controllers share.
#[derive(Clone, Debug)]
pub struct Informers {
    /// All ConfigMaps.
    pub config_maps: Informer<ConfigMap>,
    /// All Deployments.
    pub deployments: Informer<Deployment>,
    /// All namespaces.
    pub namespaces: Informer<Namespace>,
    /// All pods.
    pub pods: Informer<Pod>,
    /// All ReplicaSets.
    pub replica_sets: Informer<ReplicaSet>,
    /// All Secrets.
    pub secrets: Informer<Secret>,
    /// All service accounts.
    pub service_accounts: Informer<ServiceAccount>,
    /// All Services.
    pub services: Informer<Service>,
}

impl Informers {
    /// Starts all of them.
    ///
    /// # Errors
    /// If a list fails.
    pub async fn start(client: &Client) -> kube::Result<Self> {
        let (config_maps, deployments, namespaces, pods, replica_sets, secrets, service_accounts, services) = tokio::try_join!(
            Informer::start(Api::all(client.clone())),
            Informer::start(Api::all(client.clone())),
            Informer::start(Api::all(client.clone())),
            Informer::start(Api::all(client.clone())),
            Informer::start(Api::all(client.clone())),
            Informer::start(Api::all(client.clone())),
            Informer::start(Api::all(client.clone())),
            Informer::start(Api::all(client.clone())),
        )?;
        Ok(Self { config_maps, deployments, namespaces, pods, replica_sets, secrets, service_accounts, services })
    }
}
