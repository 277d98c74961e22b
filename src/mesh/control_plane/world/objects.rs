//! The newest state of all watched objects, without what changes for no reason of ours.

use std::collections::BTreeMap;

use kube::{
    api::{ApiResource, DynamicObject},
    runtime::watcher::Event,
};
use serde_json::Value;

/// Namespace and name of an object.
type Key = (String, String);

/// All objects of several kinds, which are told apart by their place in the caller's list.
pub(super) struct Objects(Vec<Kind>);

#[derive(Default)]
struct Kind {
    objects: BTreeMap<Key, Value>,
    /// What a list that is under way has brought so far.
    listing: BTreeMap<Key, Value>,
    complete: bool,
}

impl Objects {
    pub(super) fn new(kinds: usize) -> Self {
        Self((0..kinds).map(|_| Kind::default()).collect())
    }

    /// Takes an event in; answers whether it changed anything.
    pub(super) fn take(&mut self, place: usize, resource: &ApiResource, event: Event<DynamicObject>) -> bool {
        let kind = &mut self.0[place];
        match event {
            Event::Init => {
                kind.listing.clear();
                false
            }
            Event::InitApply(object) => {
                let (key, value) = essence(object, resource);
                kind.listing.insert(key, value);
                false
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut kind.listing);
                let changed = !kind.complete || listed != kind.objects;
                kind.objects = listed;
                kind.complete = true;
                changed
            }
            Event::Apply(object) => {
                let (key, value) = essence(object, resource);
                let changed = kind.objects.get(&key) != Some(&value);
                kind.objects.insert(key, value);
                changed
            }
            Event::Delete(object) => kind.objects.remove(&essence(object, resource).0).is_some(),
        }
    }

    /// Whether every kind has been listed.
    pub(super) fn are_complete(&self) -> bool {
        self.0.iter().all(|kind| kind.complete)
    }

    /// All objects.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().flat_map(|kind| kind.objects.values())
    }

    /// Whether this object is there, and somebody has asked for its deletion.
    pub(super) fn is_going_away(&self, place: usize, namespace: &str, name: &str) -> bool {
        let object = self.0[place].objects.get(&(namespace.to_owned(), name.to_owned()));
        object.is_some_and(|object| object.pointer("/metadata/deletionTimestamp").is_some())
    }
}

/// The object under its name, with its type and without its bookkeeping.
fn essence(mut object: DynamicObject, resource: &ApiResource) -> (Key, Value) {
    let metadata = &mut object.metadata;
    metadata.managed_fields = None;
    // Secrets have no other number that tells one state from another.
    if resource.kind != "Secret" {
        metadata.resource_version = None;
    }
    let key = (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
    let mut value = serde_json::to_value(object).expect("it was read from JSON");
    value["apiVersion"] = resource.api_version.clone().into();
    value["kind"] = resource.kind.clone().into();
    (key, value)
}
