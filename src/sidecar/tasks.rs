//! The tasks of one sidecar: they end with it, whoever started them.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::task::JoinSet;

/// Starts tasks that end when their [`Owner`] is dropped.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    running: JoinSet<()>,
    closed: bool,
}

/// Ends all tasks when it is dropped.
#[derive(Debug)]
pub struct Owner(Tasks);

impl Tasks {
    /// Makes an empty set, and the value that its tasks' lives depend on.
    pub fn new() -> (Self, Owner) {
        let tasks = Self::default();
        (tasks.clone(), Owner(tasks))
    }

    /// Starts a task; after the owner's end it is dropped instead.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        // Forgets what has ended; otherwise the set would grow for ever.
        while state.running.try_join_next().is_some() {}
        state.running.spawn(task);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.running.abort_all();
    }
}
