//! The keys and their values, with an end to how much is kept.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tokio::time::Instant;

/// How many bytes of keys and values are kept.
const MAX_MEMORY: usize = 16 << 20;
/// What an entry or a field takes besides its bytes.
const OVERHEAD: usize = 64;

/// The fields of a hash.
type Fields = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a key holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Value {
    Hash(Fields),
    String(Vec<u8>),
}

struct Entry {
    value: Value,
    expires: Option<Instant>,
}

/// What a command cannot do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum CommandError {
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(String),
    #[error("ERR hash value is not an integer")]
    HashInteger,
    #[error("ERR value is not an integer or out of range")]
    Integer,
    #[error("ERR invalid expire time in '{0}' command")]
    InvalidExpire(&'static str),
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    Memory,
    #[error("NOPROTO unsupported protocol version")]
    NoProtocol,
    #[error("ERR DB index is out of range")]
    Database,
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    #[error("ERR syntax error")]
    Syntax,
    #[error("ERR unknown command '{name}', with args beginning with: {arguments}")]
    Unknown { name: String, arguments: String },
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
}

/// All keys of the one database.
#[derive(Default)]
pub(super) struct Store {
    entries: HashMap<Vec<u8>, Entry>,
    used: usize,
}

impl Value {
    fn size(&self) -> usize {
        match self {
            Self::Hash(fields) => {
                fields.iter().map(|(field, value)| field.len() + value.len() + OVERHEAD).sum::<usize>() + OVERHEAD
            }
            Self::String(bytes) => bytes.len() + OVERHEAD,
        }
    }
}

impl Entry {
    fn is_over(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl Store {
    /// What a key holds.
    pub(super) fn value(&mut self, key: &[u8]) -> Option<&Value> {
        self.forget_if_over(key);
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The bytes that a key holds.
    pub(super) fn string(&mut self, key: &[u8]) -> Result<Option<&[u8]>, CommandError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(bytes)) => Ok(Some(bytes)),
            Some(Value::Hash(_)) => Err(CommandError::WrongType),
        }
    }

    /// The fields that a key holds.
    pub(super) fn hash(&mut self, key: &[u8]) -> Result<Option<&Fields>, CommandError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Hash(fields)) => Ok(Some(fields)),
            Some(Value::String(_)) => Err(CommandError::WrongType),
        }
    }

    /// Lets a key hold `value`; when it expires does not change.
    pub(super) fn put(&mut self, key: &[u8], value: Value) -> Result<(), CommandError> {
        self.forget_if_over(key);
        let before = self.entries.get(key).map_or(0, |entry| key.len() + entry.value.size());
        let after = key.len() + value.size();
        if after > before && self.used - before + after > MAX_MEMORY {
            self.forget_all_over();
            if self.used - before + after > MAX_MEMORY {
                return Err(CommandError::Memory);
            }
        }
        self.used = self.used - before + after;
        match self.entries.get_mut(key) {
            Some(entry) => entry.value = value,
            None => drop(self.entries.insert(key.to_vec(), Entry { value, expires: None })),
        }
        Ok(())
    }

    /// Changes the fields of a hash; one without fields is no key any more.
    pub(super) fn change_hash<T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut Fields) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let mut fields = self.hash(key)?.cloned().unwrap_or_default();
        let result = change(&mut fields)?;
        if fields.is_empty() {
            self.remove(key);
        } else {
            self.put(key, Value::Hash(fields))?;
        }
        Ok(result)
    }

    /// Forgets a key; `false` if there was none.
    pub(super) fn remove(&mut self, key: &[u8]) -> bool {
        self.forget_if_over(key);
        match self.entries.remove(key) {
            Some(entry) => {
                self.used -= key.len() + entry.value.size();
                true
            }
            None => false,
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Says when a key is forgotten, or that it is not; `false` if there is no such key.
    pub(super) fn expire(&mut self, key: &[u8], after: Option<Duration>) -> bool {
        self.forget_if_over(key);
        let Some(entry) = self.entries.get_mut(key) else { return false };
        // What does not fit is as good as never.
        entry.expires = after.and_then(|after| Instant::now().checked_add(after));
        true
    }

    /// How long a key is kept yet; `None` without an end.
    pub(super) fn time_left(&self, key: &[u8]) -> Option<Duration> {
        Some(self.entries.get(key)?.expires?.saturating_duration_since(Instant::now()))
    }

    /// All keys, in order.
    pub(super) fn keys(&mut self) -> Vec<&[u8]> {
        self.forget_all_over();
        let mut keys: Vec<&[u8]> = self.entries.keys().map(Vec::as_slice).collect();
        keys.sort_unstable();
        keys
    }

    /// How many keys there are, and how many bytes they take with their values.
    pub(super) fn size(&mut self) -> (usize, usize) {
        self.forget_all_over();
        (self.entries.len(), self.used)
    }

    fn forget_if_over(&mut self, key: &[u8]) {
        if self.entries.get(key).is_some_and(|entry| entry.is_over(Instant::now())) {
            let entry = self.entries.remove(key).expect("it was just found");
            self.used -= key.len() + entry.value.size();
        }
    }

    fn forget_all_over(&mut self) {
        let now = Instant::now();
        let over: Vec<Vec<u8>> =
            self.entries.iter().filter(|(_, entry)| entry.is_over(now)).map(|(key, _)| key.clone()).collect();
        over.iter().for_each(|key| self.forget_if_over(key));
    }
}
