//! Everything asked of Kubernetes, through a [`kube::Client`] and nothing else.
//!
//! Which cluster answers is decided once, in [`connect()`]; nothing else here or above knows. What belongs to a run carries
//! its labels ([`labels`]) and stands in its [`Ledger`], so that it can be deleted again, and only that.

pub mod apply;
pub mod clean;
pub mod client;
pub mod connect;
pub mod delete;
pub mod destination;
pub mod diagnose;
mod ended;
pub mod error;
pub mod exec;
pub mod gateway;
pub mod images;
pub mod kinds;
pub mod labels;
pub mod ledger;
pub mod logs;
pub mod mark;
pub mod mesh;
pub mod mesh_status;
pub mod object;
pub mod owner;
pub mod pods;
pub mod ready;
pub mod rights;
pub mod session;
mod steady;
pub mod survey;
pub mod wait;

use std::sync::Mutex;

use tokio_util::task::TaskTracker;

pub use connect::{Connection, Target, connect};
pub use destination::Destination;
pub use error::ClusterError;
use kinds::Kinds;
pub use labels::RunId;
use ledger::Ledger;
pub use object::ObjectRef;
pub use owner::{Clash, Owner};
pub use wait::Patience;

/// A cluster as one run sees it: the client, the run's id, and what the run has created so far.
pub struct Cluster {
    client: kube::Client,
    run: RunId,
    lab: Option<String>,
    kinds: Kinds,
    ledger: Mutex<Ledger>,
    /// Ways to Services that have no address outside.
    forwards: gateway::Forwards,
    /// Requests that create something.
    requests: TaskTracker,
}

impl Cluster {
    /// A cluster on which `run` has not created anything yet.
    pub fn new(client: kube::Client, run: RunId) -> Self {
        Self {
            client,
            run,
            lab: None,
            kinds: Kinds::default(),
            ledger: Mutex::default(),
            forwards: gateway::Forwards::default(),
            requests: TaskTracker::new(),
        }
    }

    /// Notes on everything that the run creates which lab it is of.
    #[must_use]
    pub fn of_lab(self, name: impl Into<String>) -> Self {
        Self { lab: Some(name.into()), ..self }
    }

    /// The client, for questions that this module has no verb for.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// The id that everything this run creates is labelled with.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Whether the run has created anything, or tried to.
    pub fn is_touched(&self) -> bool {
        self.ledger().is_used()
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("nothing panics while it holds the ledger")
    }
}
