//! Admission: what may change an object, or refuse it, on its way in.

use serde_json::Value;

use super::{Server, call::Call, status::Status};

/// What is about to happen to an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    /// It is made.
    Create,
    /// It is changed.
    Update,
}

impl Server {
    /// Lets everybody with a say change the object or refuse it.
    #[expect(clippy::unused_async, reason = "webhooks are asked over the network")]
    pub(super) async fn admit(
        &self,
        _call: &Call,
        _operation: Operation,
        object: Value,
        _before: Option<&Value>,
        _warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        Ok(object)
    }
}
