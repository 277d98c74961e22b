//! What clients may ask for.

use jiff::Timestamp;

use super::{
    bson::{Bson, Document},
    filter,
    store::{Store, StoreError},
    wire::MAX_MESSAGE,
};

/// The largest document that is taken, and the most bytes of documents that are answered at once.
const MAX_DOCUMENTS: usize = MAX_MESSAGE - (16 << 10);
/// The most documents in one command.
const MAX_BATCH: i32 = 1000;
/// The newest version of the protocol that we speak: that of MongoDB 7.0.
const WIRE_VERSION: i32 = 21;

/// Why a command is refused; the codes are MongoDB's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum CommandError {
    #[error("{0}")]
    BadValue(String),
    #[error("cursor id {0} not found")]
    Cursor(i64),
    #[error("the command needs `{0}`")]
    Missing(&'static str),
    #[error("unknown operator: {0}")]
    Operator(String),
    #[error("the answer has more than {MAX_DOCUMENTS} bytes: set a limit")]
    TooLarge,
    #[error("no such command: '{0}'")]
    Unknown(String),
}

impl CommandError {
    fn code(&self) -> (i32, &'static str) {
        match self {
            Self::BadValue(_) | Self::Operator(_) => (2, "BadValue"),
            Self::Cursor(_) => (43, "CursorNotFound"),
            Self::Missing(_) => (40414, "IDLFailedToParse"),
            Self::TooLarge => (10334, "BSONObjectTooLarge"),
            Self::Unknown(_) => (59, "CommandNotFound"),
        }
    }
}

/// Runs a command; what fails is an answer, too.
pub(super) fn run(store: &mut Store, command: &Document) -> Document {
    run_checked(store, command).unwrap_or_else(|error| {
        let (code, name) = error.code();
        let failed = Document::default().with("ok", 0.0).with("errmsg", error.to_string().as_str());
        failed.with("code", code).with("codeName", name)
    })
}

fn run_checked(store: &mut Store, command: &Document) -> Result<Document, CommandError> {
    let name = command.0.first().map(|(name, _)| name.as_str()).unwrap_or_default();
    let answer = match name {
        "buildInfo" | "buildinfo" => build_info(),
        "count" => {
            let filter = command.document("query").cloned().unwrap_or_default();
            let count = found(store, &collection(command)?, &filter)?.len();
            Document::default().with("n", i32::try_from(count).unwrap_or(i32::MAX))
        }
        "delete" => delete(store, command)?,
        "drop" => {
            let removed = store.remove(&collection(command)?, |_| Ok(true))?;
            Document::default().with("n", i32::try_from(removed).unwrap_or(i32::MAX))
        }
        "endSessions" | "killCursors" | "ping" => Document::default(),
        "find" => find(store, command)?,
        // All documents are answered at once, so that no cursor is ever open.
        "getMore" => return Err(CommandError::Cursor(command.integer("getMore").unwrap_or_default())),
        "hello" => hello("isWritablePrimary"),
        "insert" => insert(store, command)?,
        "isMaster" | "ismaster" => hello("ismaster"),
        "listCollections" => list_collections(store, command),
        "listDatabases" => list_databases(store),
        other => return Err(CommandError::Unknown(other.to_owned())),
    };
    Ok(answer.with("ok", 1.0))
}

/// Who is here: a single server that takes writes, without sessions.
fn hello(primary: &str) -> Document {
    let limits = Document::default()
        .with(primary, true)
        .with("helloOk", true)
        .with("maxBsonObjectSize", i32::try_from(MAX_DOCUMENTS).unwrap_or(i32::MAX))
        .with("maxMessageSizeBytes", i32::try_from(MAX_MESSAGE).unwrap_or(i32::MAX))
        .with("maxWriteBatchSize", MAX_BATCH);
    let time = Bson::DateTime(Timestamp::now().as_millisecond());
    limits
        .with("localTime", time)
        .with("minWireVersion", 0)
        .with("maxWireVersion", WIRE_VERSION)
        .with("readOnly", false)
}

fn build_info() -> Document {
    let version = concat!("7.0.0-labctl-", env!("CARGO_PKG_VERSION"));
    let numbers = [7, 0, 0, 0].map(Bson::Int32).to_vec();
    Document::default().with("version", version).with("versionArray", numbers)
}

fn database(command: &Document) -> Result<&str, CommandError> {
    command.text("$db").ok_or(CommandError::Missing("$db"))
}

/// The collection that the command's first value names.
fn collection(command: &Document) -> Result<String, CommandError> {
    match command.0.first() {
        Some((_, Bson::String(name))) if !name.is_empty() => Ok(format!("{}.{name}", database(command)?)),
        _ => Err(CommandError::Missing("a collection's name")),
    }
}

fn found<'a>(store: &'a Store, collection: &str, filter: &Document) -> Result<Vec<&'a Document>, CommandError> {
    let mut found = Vec::new();
    for document in store.documents(collection) {
        if filter::is_match(filter, document)? {
            found.push(document);
        }
    }
    Ok(found)
}

fn find(store: &Store, command: &Document) -> Result<Document, CommandError> {
    let collection = collection(command)?;
    let filter = command.document("filter").cloned().unwrap_or_default();
    let mut documents = found(store, &collection, &filter)?;
    if let Some(by) = command.document("sort") {
        filter::sort(&mut documents, by)?;
    }
    let number =
        |name| command.integer(name).map(|number| usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX));
    let limit = number("limit").filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let documents = documents.into_iter().skip(number("skip").unwrap_or_default()).take(limit);
    cursor(&collection, documents.map(|document| Bson::Document(document.clone())).collect())
}

/// All documents in one batch, and no cursor for more.
fn cursor(namespace: &str, documents: Vec<Bson>) -> Result<Document, CommandError> {
    let cursor = Document::default().with("firstBatch", documents).with("id", 0_i64).with("ns", namespace);
    let mut bytes = Vec::new();
    cursor.write(&mut bytes);
    if bytes.len() > MAX_DOCUMENTS {
        return Err(CommandError::TooLarge);
    }
    Ok(Document::default().with("cursor", cursor))
}

fn insert(store: &mut Store, command: &Document) -> Result<Document, CommandError> {
    let collection = collection(command)?;
    let documents = command.array("documents").ok_or(CommandError::Missing("documents"))?;
    let is_ordered = command.value("ordered") != Some(&Bson::Bool(false));
    let (mut inserted, mut errors) = (0, Vec::new());
    for (index, document) in documents.iter().enumerate() {
        let Bson::Document(document) = document else {
            return Err(CommandError::BadValue("what is inserted are documents".to_owned()));
        };
        match store.insert(&collection, document.clone()) {
            Ok(()) => inserted += 1,
            Err(error) => {
                errors.push(write_error(index, &error));
                if is_ordered {
                    break;
                }
            }
        }
    }
    let answer = Document::default().with("n", inserted);
    Ok(if errors.is_empty() { answer } else { answer.with("writeErrors", errors) })
}

fn write_error(index: usize, error: &StoreError) -> Bson {
    let code = match error {
        StoreError::Duplicate(_) => 11000,
        StoreError::Full => 14031,
    };
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    Document::default().with("index", index).with("code", code).with("errmsg", error.to_string().as_str()).into()
}

fn delete(store: &mut Store, command: &Document) -> Result<Document, CommandError> {
    let collection = collection(command)?;
    let deletes = command.array("deletes").ok_or(CommandError::Missing("deletes"))?;
    let mut removed = 0;
    for delete in deletes {
        let Bson::Document(delete) = delete else { return Err(CommandError::Missing("deletes")) };
        let filter = delete.document("q").ok_or(CommandError::Missing("q"))?;
        let mut left = if delete.integer("limit") == Some(1) { 1 } else { usize::MAX };
        removed += store.remove(&collection, |document| {
            let is_meant = left > 0 && filter::is_match(filter, document)?;
            left -= usize::from(is_meant);
            Ok(is_meant)
        })?;
    }
    Ok(Document::default().with("n", i32::try_from(removed).unwrap_or(i32::MAX)))
}

fn list_collections(store: &Store, command: &Document) -> Document {
    let prefix = format!("{}.", database(command).unwrap_or_default());
    let names = store.names().filter_map(|name| name.strip_prefix(&prefix));
    let described = names.map(|name| Document::default().with("name", name).with("type", "collection").into());
    let cursor = Document::default().with("firstBatch", described.collect::<Vec<Bson>>()).with("id", 0_i64);
    Document::default().with("cursor", cursor.with("ns", format!("{prefix}$cmd.listCollections").as_str()))
}

fn list_databases(store: &Store) -> Document {
    let mut names: Vec<&str> = store.names().filter_map(|name| name.split('.').next()).collect();
    names.dedup();
    let described = names.into_iter().map(|name| Document::default().with("name", name).with("empty", false).into());
    Document::default().with("databases", described.collect::<Vec<Bson>>())
}
