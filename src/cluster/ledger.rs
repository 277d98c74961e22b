//! What a run has created, in the order it did so.

use super::ObjectRef;

/// One thing that this run created, or was about to create when it was interrupted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The object.
    pub object: ObjectRef,
    /// Its uid, once the cluster has answered.
    pub uid: Option<String>,
}

/// Batches of created objects, oldest first; each batch is what one apply was asked for.
#[derive(Debug, Default)]
pub struct Ledger {
    batches: Vec<Vec<Entry>>,
    used: bool,
}

impl Ledger {
    /// Opens a batch and answers its number.
    pub(super) fn open(&mut self) -> usize {
        self.batches.push(Vec::new());
        self.batches.len() - 1
    }

    /// Notes that `object` is about to be created. An object that stands here already stays where it is.
    pub(super) fn intend(&mut self, batch: usize, object: &ObjectRef) {
        self.used = true;
        if self.find(object).is_none() {
            self.batches[batch].push(Entry { object: object.clone(), uid: None });
        }
    }

    /// Notes the uid that the cluster gave `object`.
    pub(super) fn created(&mut self, object: &ObjectRef, uid: Option<String>) {
        if let Some(entry) = self.find(object) {
            entry.uid = uid;
        }
    }

    /// Strikes out an object that is gone, with what was in it if it was a namespace.
    pub(super) fn gone(&mut self, object: &ObjectRef) {
        let was_inside =
            |other: &ObjectRef| object.kind == "Namespace" && other.namespace.as_ref() == Some(&object.name);
        for batch in &mut self.batches {
            batch.retain(|entry| entry.object != *object && !was_inside(&entry.object));
        }
    }

    /// Whether anything ever stood here.
    pub fn is_used(&self) -> bool {
        self.used
    }

    /// What is there to delete: batches and their entries, newest first.
    pub fn newest_first(&self) -> Vec<Vec<Entry>> {
        let reversed = |batch: &Vec<Entry>| batch.iter().rev().cloned().collect::<Vec<_>>();
        self.batches.iter().rev().filter(|batch| !batch.is_empty()).map(reversed).collect()
    }

    /// Whether this run created the namespace, so that deleting it deletes what is in it.
    pub fn has_namespace(&self, name: &str) -> bool {
        self.batches.iter().flatten().any(|entry| entry.object.kind == "Namespace" && entry.object.name == name)
    }

    /// Whether the object stands here.
    pub(super) fn knows(&self, object: &ObjectRef) -> bool {
        self.batches.iter().flatten().any(|entry| entry.object == *object)
    }

    fn find(&mut self, object: &ObjectRef) -> Option<&mut Entry> {
        self.batches.iter_mut().flatten().find(|entry| entry.object == *object)
    }
}
