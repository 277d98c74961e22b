//! Admission: who may change an object, or refuse it, on its way in.

mod review;
mod rules;
mod service_account;
mod tolerations;
mod webhook;
mod webhook_call;

use serde_json::Value;

use super::{Server, call::Call, status::Status};

/// What is about to happen to an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    /// It is made.
    Create,
    /// It is removed.
    Delete,
    /// It is changed.
    Update,
}

impl Operation {
    /// As rules and reviews spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Delete => "DELETE",
            Self::Update => "UPDATE",
        }
    }
}

impl Server {
    /// Lets everybody with a say change the object; whether they like what becomes of it, they are asked later.
    pub(super) async fn admit(
        &self,
        call: &Call,
        operation: Operation,
        mut object: Value,
        before: Option<&Value>,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        let new_pod = call.resource.table == "pods" && operation == Operation::Create;
        if new_pod {
            self.admit_service_account(call, &mut object)?;
            tolerations::add_priority(&mut object);
        }
        if call.resource.table == "pods" && operation != Operation::Delete {
            tolerations::add(&mut object);
        }
        let mut admitted = self.mutate(call, operation, object, before, warnings).await?;
        if new_pod {
            // Containers that a webhook has added find the token as well: what is built in is asked again after webhooks.
            self.admit_service_account(call, &mut admitted)?;
        }
        Ok(admitted)
    }
}
