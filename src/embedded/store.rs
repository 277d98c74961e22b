//! The cluster's memory: objects by table, one revision counter for all of them, and what changed lately.
//!
//! Knows nothing of kinds. An object is JSON behind an `Arc`, so that reading never copies it; the only field
//! this module touches is `metadata.resourceVersion`, which it sets to the revision of the write.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::watch;

/// How many changes of a table are remembered unless told otherwise.
pub const DEFAULT_HISTORY: usize = 1000;

/// A counter of writes; every write of any object takes the next number.
pub type Revision = u64;

/// Which object of a table; cluster-scoped objects have an empty namespace.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// The namespace, or nothing.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Key {
    /// Names an object.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// One write, as watchers need it.
#[derive(Clone, Debug)]
pub struct Change {
    /// The revision of the write.
    pub revision: Revision,
    /// The object written.
    pub key: Key,
    /// The object before the write; nothing if it was created.
    pub before: Option<Arc<Value>>,
    /// The object after the write; if it was deleted, its last state at the revision of the deletion.
    pub object: Arc<Value>,
    /// Whether the write removed the object.
    pub deleted: bool,
}

/// Why a write did not happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WriteError {
    /// An object of that name is there.
    #[error("the object exists already")]
    Exists,
    /// No object of that name is there.
    #[error("the object does not exist")]
    Missing,
    /// The object has another revision than the writer saw.
    #[error("the object was modified meanwhile")]
    Modified,
}

/// The past that was asked for is no longer remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("too old resource version: {asked} ({oldest})")]
pub struct Expired {
    /// What was asked for.
    pub asked: Revision,
    /// The oldest revision that can be asked for.
    pub oldest: Revision,
}

/// The objects of a cluster.
#[derive(Debug)]
pub struct Store {
    state: Mutex<State>,
    history: usize,
}

#[derive(Debug)]
struct State {
    revision: Revision,
    tables: HashMap<String, Table>,
}

#[derive(Debug)]
struct Table {
    objects: BTreeMap<Key, Arc<Value>>,
    changes: VecDeque<Change>,
    /// The revision of the last change that was forgotten.
    forgotten: Revision,
    tip: watch::Sender<Revision>,
}

impl Table {
    fn new() -> Self {
        Self { objects: BTreeMap::new(), changes: VecDeque::new(), forgotten: 0, tip: watch::Sender::new(0) }
    }

    fn record(&mut self, change: Change, keep: usize) {
        if self.changes.len() == keep
            && let Some(oldest) = self.changes.pop_front()
        {
            self.forgotten = oldest.revision;
        }
        let revision = change.revision;
        self.changes.push_back(change);
        self.tip.send_replace(revision);
    }

    fn changes_after(&self, revision: Revision) -> Result<impl DoubleEndedIterator<Item = &Change>, Expired> {
        if revision < self.forgotten {
            return Err(Expired { asked: revision, oldest: self.forgotten });
        }
        let start = self.changes.partition_point(|change| change.revision <= revision);
        Ok(self.changes.range(start..))
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new(DEFAULT_HISTORY)
    }
}

impl Store {
    /// Makes an empty store that remembers the last `history` changes of every table.
    pub fn new(history: usize) -> Self {
        Self { state: Mutex::new(State { revision: 1, tables: HashMap::new() }), history: history.max(1) }
    }

    /// The revision of the latest write.
    pub fn revision(&self) -> Revision {
        self.lock().revision
    }

    /// Reads one object.
    pub fn get(&self, table: &str, key: &Key) -> Option<Arc<Value>> {
        self.lock().tables.get(table)?.objects.get(key).cloned()
    }

    /// Reads a table, or one namespace of it, in the order of keys, and the revision at which that was so.
    pub fn list(&self, table: &str, namespace: Option<&str>) -> (Vec<Arc<Value>>, Revision) {
        let state = self.lock();
        let Some(table) = state.tables.get(table) else { return (Vec::new(), state.revision) };
        (in_namespace(&table.objects, namespace).map(|(_, object)| Arc::clone(object)).collect(), state.revision)
    }

    /// Reads a table as it was at `revision`.
    ///
    /// # Errors
    /// If the changes since then are no longer all remembered.
    pub fn list_at(
        &self,
        table: &str,
        namespace: Option<&str>,
        revision: Revision,
    ) -> Result<Vec<Arc<Value>>, Expired> {
        let state = self.lock();
        let Some(table) = state.tables.get(table) else { return Ok(Vec::new()) };
        let later = table.changes_after(revision)?;
        let mut objects: BTreeMap<Key, Arc<Value>> =
            in_namespace(&table.objects, namespace).map(|(key, object)| (key.clone(), Arc::clone(object))).collect();
        for change in later.rev().filter(|change| namespace.is_none_or(|wanted| change.key.namespace == wanted)) {
            match &change.before {
                Some(before) => objects.insert(change.key.clone(), Arc::clone(before)),
                None => objects.remove(&change.key),
            };
        }
        Ok(objects.into_values().collect())
    }

    /// Counts the objects of a table.
    pub fn count(&self, table: &str) -> usize {
        self.lock().tables.get(table).map_or(0, |table| table.objects.len())
    }

    /// Adds an object.
    ///
    /// # Errors
    /// [`WriteError::Exists`].
    pub fn create(&self, table: &str, key: Key, object: Value) -> Result<Arc<Value>, WriteError> {
        self.write(table, key, |before| match before {
            Some(_) => Err(WriteError::Exists),
            None => Ok((object, false)),
        })
    }

    /// Replaces an object that is still at the revision `seen`.
    ///
    /// # Errors
    /// [`WriteError::Missing`] or [`WriteError::Modified`].
    pub fn update(&self, table: &str, key: Key, seen: Revision, object: Value) -> Result<Arc<Value>, WriteError> {
        self.write(table, key, |before| unchanged(before, seen).map(|()| (object, false)))
    }

    /// Removes an object that is still at the revision `seen`; `last` is what watchers are told it was.
    ///
    /// # Errors
    /// [`WriteError::Missing`] or [`WriteError::Modified`].
    pub fn delete(&self, table: &str, key: Key, seen: Revision, last: Value) -> Result<Arc<Value>, WriteError> {
        self.write(table, key, |before| unchanged(before, seen).map(|()| (last, true)))
    }

    /// Tells when something changes in a table: the receiver holds the revision of the table's last change.
    pub fn subscribe(&self, table: &str) -> watch::Receiver<Revision> {
        self.lock().tables.entry(table.to_owned()).or_insert_with(Table::new).tip.subscribe()
    }

    /// The changes of a table after `revision`, and the store's revision at that moment.
    ///
    /// # Errors
    /// If they are no longer all remembered.
    pub fn changes(&self, table: &str, revision: Revision) -> Result<(Vec<Change>, Revision), Expired> {
        let state = self.lock();
        let changes = match state.tables.get(table) {
            Some(table) => table.changes_after(revision)?.cloned().collect(),
            None => Vec::new(),
        };
        Ok((changes, state.revision))
    }

    fn write(
        &self,
        table: &str,
        key: Key,
        decide: impl FnOnce(Option<&Value>) -> Result<(Value, bool), WriteError>,
    ) -> Result<Arc<Value>, WriteError> {
        let mut state = self.lock();
        let revision = state.revision + 1;
        let table = match state.tables.get_mut(table) {
            Some(table) => table,
            None => state.tables.entry(table.to_owned()).or_insert_with(Table::new),
        };
        let before = table.objects.get(&key).cloned();
        let (mut object, deleted) = decide(before.as_deref())?;
        object["metadata"]["resourceVersion"] = Value::String(revision.to_string());
        let object = Arc::new(object);
        if deleted {
            table.objects.remove(&key);
        } else {
            table.objects.insert(key.clone(), Arc::clone(&object));
        }
        table.record(Change { revision, key, before, object: Arc::clone(&object), deleted }, self.history);
        state.revision = revision;
        Ok(object)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code under the lock can leave the state half written, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The revision an object was last written at; 0 if it never was.
pub fn revision_of(object: &Value) -> Revision {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn unchanged(before: Option<&Value>, seen: Revision) -> Result<(), WriteError> {
    let object = before.ok_or(WriteError::Missing)?;
    if revision_of(object) == seen { Ok(()) } else { Err(WriteError::Modified) }
}

fn in_namespace<'a>(
    objects: &'a BTreeMap<Key, Arc<Value>>,
    namespace: Option<&str>,
) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
    let wanted = namespace.map(str::to_owned);
    let start = Key { namespace: wanted.clone().unwrap_or_default(), name: String::new() };
    objects.range(start..).take_while(move |(key, _)| wanted.as_ref().is_none_or(|wanted| key.namespace == *wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: u32) -> Value {
        json!({"metadata": {"name": "x"}, "value": value})
    }

    #[test]
    fn a_write_needs_the_latest_revision() {
        let store = Store::default();
        let key = Key::new("a", "x");
        let first = store.create("t", key.clone(), object(1)).unwrap();
        assert_eq!(store.create("t", key.clone(), object(1)), Err(WriteError::Exists));
        let seen = revision_of(&first);
        store.update("t", key.clone(), seen, object(2)).unwrap();
        assert_eq!(store.update("t", key.clone(), seen, object(3)), Err(WriteError::Modified));
        assert_eq!(store.delete("t", Key::new("a", "y"), seen, object(2)), Err(WriteError::Missing));
    }

    #[test]
    fn the_past_is_rebuilt_from_the_changes_and_expires() {
        let store = Store::new(2);
        let first = store.create("t", Key::new("a", "x"), object(1)).unwrap();
        let then = store.revision();
        store.update("t", Key::new("a", "x"), revision_of(&first), object(2)).unwrap();
        store.create("t", Key::new("b", "y"), object(3)).unwrap();
        assert_eq!(store.list_at("t", None, then).unwrap(), vec![first]);
        store.create("t", Key::new("b", "z"), object(4)).unwrap();
        assert_eq!(store.list_at("t", None, then), Err(Expired { asked: then, oldest: then + 1 }));
        assert!(store.changes("t", then).is_err());
    }
}
