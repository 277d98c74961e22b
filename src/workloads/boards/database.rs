//! What is kept, by its kind.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::{model::Stored, refusal::Refusal};
use crate::workloads::{
    mongodb::{
        bson::{Bson, Document},
        client::{self, ClientError},
    },
    server::Context,
    upstream::Upstream,
};

/// The database's name.
const NAME: &str = "boards";
/// How many are listed at most.
const MAX_LISTED: i32 = 100;
/// What MongoDB says of an `_id` that is there already.
const DUPLICATE: i64 = 11000;

/// The database of one service.
pub(super) struct Database {
    context: Arc<Context>,
    mongodb: Upstream,
    is_begun: OnceCell<()>,
}

impl Database {
    /// The database that `MONGODB_ADDR` names.
    pub(super) fn new(context: &Arc<Context>) -> Result<Self, String> {
        let mongodb = context.upstream("MONGODB_ADDR", "mongodb:27017")?;
        Ok(Self { context: Arc::clone(context), mongodb, is_begun: OnceCell::new() })
    }

    /// Keeps something.
    pub(super) async fn insert<T: Stored>(&self, what: &T) -> Result<(), Refusal> {
        Ok(self.put(what).await?)
    }

    /// Puts `first` into an empty database when it first answers, so that there is something to see.
    pub(super) async fn begin_with<T: Stored>(&self, first: impl FnOnce() -> Vec<T>) -> Result<(), Refusal> {
        let begin = async || {
            if self.find::<T>(Document::default()).await?.is_empty() {
                for one in first() {
                    match self.put(&one).await {
                        // Another replica was faster.
                        Ok(()) | Err(ClientError::Refused { code: DUPLICATE, .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Ok(())
        };
        Ok(self.is_begun.get_or_try_init(begin).await.map(drop)?)
    }

    /// All of a kind, the newest first.
    pub(super) async fn all<T: Stored>(&self) -> Result<Vec<T>, Refusal> {
        Ok(self.find(Document::default()).await?)
    }

    /// All of a kind that belong to somebody, the newest first.
    pub(super) async fn owned_by<T: Stored>(&self, owner: &str) -> Result<Vec<T>, Refusal> {
        Ok(self.find(Document::default().with("owner", owner)).await?)
    }

    /// One by what it is called.
    pub(super) async fn one<T: Stored>(&self, id: &str) -> Result<Option<T>, Refusal> {
        Ok(self.find(Document::default().with("_id", id)).await?.into_iter().next())
    }

    /// Forgets one; `false` if there was none.
    pub(super) async fn remove<T: Stored>(&self, id: &str) -> Result<bool, Refusal> {
        let delete = Document::default().with("q", Document::default().with("_id", id)).with("limit", 1);
        let command = Document::default().with("delete", T::COLLECTION).with("deletes", vec![Bson::from(delete)]);
        Ok(self.run(command).await?.integer("n") == Some(1))
    }

    async fn put<T: Stored>(&self, what: &T) -> Result<(), ClientError> {
        let documents = vec![Bson::from(what.write())];
        self.run(Document::default().with("insert", T::COLLECTION).with("documents", documents)).await.map(drop)
    }

    async fn find<T: Stored>(&self, filter: Document) -> Result<Vec<T>, ClientError> {
        let command = Document::default().with("find", T::COLLECTION).with("filter", filter);
        let newest = Document::default().with("created_at", -1).with("_id", 1);
        let answer = self.run(command.with("sort", newest).with("limit", MAX_LISTED)).await?;
        let batch = answer.document("cursor").and_then(|cursor| cursor.array("firstBatch")).unwrap_or_default();
        let read = |one: &Bson| match one {
            Bson::Document(document) => T::read(document),
            _ => None,
        };
        Ok(batch.iter().filter_map(read).collect())
    }

    async fn run(&self, command: Document) -> Result<Document, ClientError> {
        let ran = client::run(&*self.context.host, &self.mongodb, command.with("$db", NAME)).await;
        ran.inspect_err(|error| self.context.log(format_args!("{}: {error}", self.mongodb)))
    }
}
