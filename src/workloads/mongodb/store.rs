//! The documents of each collection, with an end to how much is kept.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::bson::{Bson, Document};

/// How many bytes of documents are kept.
const MAX_MEMORY: usize = 16 << 20;

/// Why a document is not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum StoreError {
    #[error("E11000 duplicate key error collection: {0} index: _id_")]
    Duplicate(String),
    #[error("the store is full: it keeps {} MiB", MAX_MEMORY >> 20)]
    Full,
}

struct Stored {
    document: Document,
    size: usize,
}

/// Collections by `database.collection`.
#[derive(Default)]
pub(super) struct Store {
    collections: BTreeMap<String, Vec<Stored>>,
    used: usize,
}

impl Store {
    /// The documents of a collection, in the order they came.
    pub(super) fn documents(&self, collection: &str) -> impl Iterator<Item = &Document> {
        self.collections.get(collection).into_iter().flatten().map(|stored| &stored.document)
    }

    /// The names of all collections with anything in them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.collections.keys().map(String::as_str)
    }

    /// Takes a document; one without `_id` gets one.
    pub(super) fn insert(&mut self, collection: &str, mut document: Document) -> Result<(), StoreError> {
        match document.value("_id") {
            None => document.0.insert(0, ("_id".to_owned(), Bson::ObjectId(object_id()))),
            Some(id) if self.documents(collection).any(|other| other.value("_id") == Some(id)) => {
                return Err(StoreError::Duplicate(collection.to_owned()));
            }
            Some(_) => {}
        }
        let mut bytes = Vec::new();
        document.write(&mut bytes);
        let size = bytes.len();
        if self.used + size > MAX_MEMORY {
            return Err(StoreError::Full);
        }
        self.used += size;
        self.collections.entry(collection.to_owned()).or_default().push(Stored { document, size });
        Ok(())
    }

    /// Forgets the documents for which `is_meant` holds, and says how many they were.
    pub(super) fn remove<E>(
        &mut self,
        collection: &str,
        mut is_meant: impl FnMut(&Document) -> Result<bool, E>,
    ) -> Result<usize, E> {
        let Some(documents) = self.collections.get_mut(collection) else { return Ok(0) };
        let meant: Vec<bool> = documents.iter().map(|stored| is_meant(&stored.document)).collect::<Result<_, E>>()?;
        let (before, mut meant) = (documents.len(), meant.into_iter());
        documents.retain(|stored| {
            let is_kept = !meant.next().unwrap_or_default();
            self.used -= if is_kept { 0 } else { stored.size };
            is_kept
        });
        let removed = before - documents.len();
        if documents.is_empty() {
            self.collections.remove(collection);
        }
        Ok(removed)
    }
}

/// Twelve bytes that nothing else is called by.
fn object_id() -> [u8; 12] {
    *Uuid::new_v4().as_bytes().first_chunk().expect("a UUID has sixteen bytes")
}
